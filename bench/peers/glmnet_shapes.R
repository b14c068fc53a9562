#!/usr/bin/env Rscript
# SPDX-License-Identifier: MIT
#
# glmnet's lasso on the recipe of bench_regression_shapes; one line per case as that program writes them. Sizes are those at
# lambda.1se with folds; a path without folds chooses none. cv.glmnet's default is one thread.
#
#   Rscript bench/peers/glmnet_shapes.R [CASE ...]      Debian, Ubuntu: apt install r-cran-glmnet
suppressPackageStartupMessages(library(glmnet))

recipe <- function(n, p, features) {
  set.seed(7)
  x <- matrix(rnorm(n * p), n, p)
  for (j in seq_len(p)[-1]) x[, j] <- 0.5 * x[, j - 1] + sqrt(0.75) * x[, j]
  eta <- numeric(n)
  for (k in seq_len(features) - 1) {
    size <- 0.5 + 0.5 * k / features
    eta <- eta + (if (k %% 2 == 0) size else -size) * x[, k * p %/% features + 1]
  }
  list(x = x, eta = eta)
}
gaussian <- function(d) d$eta + rnorm(length(d$eta))
labels <- function(d) as.numeric(runif(length(d$eta)) < 1 / (1 + exp(-d$eta)))
counts <- function(d) rpois(length(d$eta), exp(pmin(0.3 * d$eta, 5)))

cases <- list(
  list("linear", 1e6, 200, 10, gaussian, "gaussian", FALSE),
  list("linear-folds", 1e5, 200, 10, gaussian, "gaussian", TRUE),
  list("linear-path", 5e4, 100, 10, gaussian, "gaussian", FALSE),
  list("linear-wide-folds", 500, 1e5, 10, gaussian, "gaussian", TRUE),
  list("logistic", 1e5, 200, 10, labels, "binomial", FALSE),
  list("logistic-folds", 1e5, 200, 10, labels, "binomial", TRUE),
  list("logistic-1000", 1e5, 1000, 10, labels, "binomial", FALSE),
  list("poisson-folds", 1000, 5000, 10, counts, "poisson", TRUE)
)
wanted <- commandArgs(trailingOnly = TRUE)
cat("case,rows,columns,seconds,size\n")
for (case in cases) {
  if (length(wanted) > 0 && !(case[[1]] %in% wanted)) next
  d <- recipe(case[[2]], case[[3]], case[[4]])
  y <- case[[5]](d)
  time <- system.time(
    fit <- if (case[[7]]) cv.glmnet(d$x, y, family = case[[6]], nfolds = 10) else glmnet(d$x, y, family = case[[6]])
  )
  size <- if (case[[7]]) sum(as.numeric(coef(fit, s = "lambda.1se"))[-1] != 0) else NA
  cat(sprintf("%s,%d,%d,%.2f,%s\n", case[[1]], as.integer(case[[2]]), as.integer(case[[3]]),
              sum(time[c("user.self", "sys.self")]), size))
}
