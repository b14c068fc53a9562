#!/usr/bin/env Rscript
# SPDX-License-Identifier: MIT
#
# cv.glmnet's lasso and ridge, lambda.min and lambda.1se, on tables with folds beside them, as bench_regression_real_sets --set
# takes them: squared error or mean deviance of the held-out folds, share of wrong labels, features.
#
#   Rscript bench/peers/glmnet_sets.R FILE.csv ...      Debian, Ubuntu: apt install r-cran-glmnet
suppressPackageStartupMessages(library(glmnet))

for (file in commandArgs(trailingOnly = TRUE)) {
  table <- as.matrix(read.csv(file))
  x <- table[, -ncol(table)]
  y <- table[, ncol(table)]
  fold <- scan(sub("csv$", "fold", file), quiet = TRUE)
  labels <- length(unique(y))
  family <- if (labels == 2) "binomial" else if (labels <= 10) "multinomial" else "gaussian"
  for (alpha in c(1, 0)) {
    results <- list()
    for (f in 0:9) {
      held <- fold == f
      set.seed(1)  # of the inner folds
      fit <- suppressWarnings(cv.glmnet(x[!held, ], y[!held], family = family, alpha = alpha, nfolds = 10))
      for (rule in c("lambda.min", "lambda.1se")) {
        b <- coef(fit, s = rule)
        size <- if (is.list(b)) sum(rowSums(sapply(b, as.numeric)[-1, ] != 0) > 0) else sum(as.numeric(b)[-1] != 0)
        p <- predict(fit, x[held, ], s = rule, type = "response")
        if (family == "gaussian") {
          row <- c(mean((p - y[held])^2), 0, size)
        } else {
          p <- if (family == "binomial") cbind(1 - p, p) else p[, , 1]
          of_truth <- pmax(p[cbind(seq_len(nrow(p)), y[held] + 1)], 1e-15)
          row <- c(-2 * mean(log(of_truth)), mean(max.col(p, "first") != y[held] + 1), size)
        }
        results[[rule]] <- rbind(results[[rule]], row)
      }
    }
    for (rule in names(results)) {
      cat(sprintf("%-10s %-24s %10.4f %14.4f %6.1f\n", sub(".csv", "", basename(file)),
                  paste(if (alpha == 1) "lasso" else "ridge", rule),
                  mean(results[[rule]][, 1]), mean(results[[rule]][, 2]), mean(results[[rule]][, 3])))
    }
  }
}
