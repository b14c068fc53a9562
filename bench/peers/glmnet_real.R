#!/usr/bin/env Rscript
# SPDX-License-Identifier: MIT
#
# cv.glmnet's lasso at lambda.1se on the folds of bench_regression_real_sets, one line per set and fold as that program writes
# them.
#
#   Rscript bench/peers/glmnet_real.R FOLDS.csv OUT.csv [DATA] [SET ...]      Debian, Ubuntu: apt install r-cran-glmnet
#
# Sets: diabetes, digit0, ..., digit9 (a digit against the others), digits (multinomial, the ordinary penalty per class;
# a feature counts where any class uses it) and digits_grouped (one penalty for a pixel in all classes).
suppressPackageStartupMessages(library(glmnet))

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) < 2) stop("usage: glmnet_real.R FOLDS.csv OUT.csv [DATA] [SET ...]")
data <- if (length(arguments) > 2) arguments[3] else "examples/data"
wanted <- c("diabetes", paste0("digit", 0:9), "digits", "digits_grouped")
if (length(arguments) > 3) wanted <- arguments[-(1:3)]

folds <- read.csv(arguments[1])
out <- file(arguments[2], "w")
writeLines("set,method,fold,error,misclassified,size,seconds", out)

table_of <- function(name) {
  table <- as.matrix(read.csv(file.path(data, paste0(name, ".csv"))))
  list(x = table[, -ncol(table)], y = table[, ncol(table)], fold = folds$fold[folds$set == name])
}

run <- function(set, x, y, fold, family, ...) {
  for (f in sort(unique(fold))) {
    held <- fold == f
    set.seed(1)  # of the inner folds
    seconds <- system.time(
      fit <- suppressWarnings(cv.glmnet(x[!held, ], y[!held], family = family, nfolds = 10, ...))
    )[["elapsed"]]
    wrong <- 0
    if (family == "gaussian") {
      size <- sum(as.numeric(coef(fit, s = "lambda.1se"))[-1] != 0)
      error <- mean((predict(fit, x[held, ], s = "lambda.1se") - y[held])^2)
    } else if (family == "binomial") {
      size <- sum(as.numeric(coef(fit, s = "lambda.1se"))[-1] != 0)
      p <- as.numeric(predict(fit, x[held, ], s = "lambda.1se", type = "response"))
      error <- -2 * mean(log(ifelse(y[held] == 1, p, 1 - p)))
      wrong <- mean((p > 0.5) != (y[held] == 1))
    } else {
      b <- sapply(coef(fit, s = "lambda.1se"), function(class) as.numeric(class)[-1])
      size <- sum(rowSums(b != 0) > 0)
      p <- predict(fit, x[held, ], s = "lambda.1se", type = "response")[, , 1]
      truth <- match(y[held], as.numeric(colnames(p)))
      error <- -2 * mean(log(p[cbind(seq_along(truth), truth)]))
      wrong <- mean(max.col(p) != truth)
    }
    method <- paste0("glmnet lambda.1se", if (length(list(...)) > 0) " grouped" else "")
    name <- sub("_grouped", "", set)
    writeLines(sprintf("%s,%s,%d,%.6g,%.6g,%d,%.4f", name, method, f, error, wrong, size, seconds), out)
    flush(out)
  }
}

for (set in wanted) {
  if (set == "diabetes") {
    part <- table_of("diabetes")
    run(set, part$x, part$y, part$fold, "gaussian")
  } else {
    part <- table_of("digits")
    if (set == "digits") {
      run(set, part$x, part$y, part$fold, "multinomial")
    } else if (set == "digits_grouped") {
      run(set, part$x, part$y, part$fold, "multinomial", type.multinomial = "grouped")
    } else {
      run(set, part$x, as.numeric(part$y == as.numeric(sub("digit", "", set))), part$fold, "binomial")
    }
  }
}
close(out)
