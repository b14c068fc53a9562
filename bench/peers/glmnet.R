#!/usr/bin/env Rscript
# SPDX-License-Identifier: MIT
#
# cv.glmnet, ten folds, on instances of bench_regression, one line per instance as that program writes them.
#
#   Rscript bench/peers/glmnet.R OUT.csv DIR [DIR ...]       Debian, Ubuntu: apt install r-cran-glmnet
#
# The model at lambda.1se is judged, the larger penalty that users are advised to take. The seconds are those of the
# whole cv.glmnet call; reading the data is not counted.
suppressPackageStartupMessages(library(glmnet))

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) < 2) stop("usage: glmnet.R OUT.csv DIR [DIR ...]")

read_doubles <- function(folder, name, count) {
  file <- file(file.path(folder, name), "rb")
  on.exit(close(file))
  readBin(file, "double", count, size = 8, endian = "little")
}

out <- file(arguments[1], "w")
writeLines("id,method,f1,size,true_positives,coefficient_error,seconds", out)
for (folder in arguments[-1]) {
  meta <- readLines(file.path(folder, "meta.txt"))
  shape <- as.integer(strsplit(meta[1], " ")[[1]][1:2])
  family <- sub("^family ", "", meta[2])
  x <- matrix(read_doubles(folder, "X.bin", shape[1] * shape[2]), shape[1], shape[2])
  y <- read_doubles(folder, "y.bin", shape[1])
  beta <- read_doubles(folder, "beta.bin", shape[2])

  set.seed(1)  # of the folds
  seconds <- system.time(fit <- cv.glmnet(x, y, family = family, nfolds = 10))[["elapsed"]]
  b <- as.numeric(coef(fit, s = "lambda.1se"))[-1]
  size <- sum(b != 0)
  hits <- sum(b != 0 & beta != 0)
  writeLines(sprintf("%s,glmnet_lambda.1se,%.6f,%d,%d,%.6g,%.4f", basename(folder), 2 * hits / (size + sum(beta != 0)),
                     size, hits, sqrt(sum((b - beta)^2) / sum(beta^2)), seconds), out)
  flush(out)
}
close(out)
