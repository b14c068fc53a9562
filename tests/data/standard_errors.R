# SPDX-License-Identifier: MIT
# Writes standard_errors.txt: Rscript standard_errors.R > standard_errors.txt
# R 4.2.2, sandwich 3.0-2, survey 4.1-1, nnet 7.3-18.
suppressMessages({
  library(sandwich)
  library(survey)
  library(nnet)
})
set.seed(20)
count <- 0
write_array <- function(name, x) {
  x <- as.matrix(x)
  shape <- if (ncol(x) == 1) nrow(x) else dim(x)
  cat("array ", name, " ", paste(shape, collapse = " "), "\n", sep = "")
  cat(formatC(t(x), digits = 17, format = "g", width = 1), sep = "\n")
}
# family: 0 least squares, 1 logistic, 2 Poisson, 3 several classes. kind: 0 no weights, 1 sampling, 2 frequency.
case <- function(family, kind, X, y, w, offset, estimate, model, robust) {
  prefix <- paste0("case", count, "_")
  count <<- count + 1
  write_array(paste0(prefix, "family"), family)
  write_array(paste0(prefix, "kind"), kind)
  write_array(paste0(prefix, "X"), X)
  write_array(paste0(prefix, "y"), y)
  write_array(paste0(prefix, "weight"), w)
  write_array(paste0(prefix, "offset"), offset)
  write_array(paste0(prefix, "estimate"), estimate)
  write_array(paste0(prefix, "model"), model)
  write_array(paste0(prefix, "sandwich"), robust)
}
se <- function(v) sqrt(diag(v))
same <- function(a, b) stopifnot(max(abs(a / b - 1)) < 1e-6)
n <- 40
k <- 4
X <- cbind(rnorm(n), 1990 + runif(n) * 30, round(rexp(n), 3))
colnames(X) <- c("a", "b", "c")
eta <- 0.8 * X[, 1] - 0.05 * (X[, 2] - 2005) + 0.3 * X[, 3]
w <- round(runif(n, 0.2, 3), 3)
f <- sample(1:4, n, replace = TRUE)
again <- rep(1:n, f)
none <- numeric(0)
exact <- glm.control(epsilon = 1e-15, maxit = 100)
cat("# Standard errors of regressions on all columns, the intercept first; see standard_errors.R, which wrote this.\n")

# Least squares: lm, and vcovHC's HC1, also with weights; svyglm has n - 1 where HC1 has n - k.
y <- eta + rnorm(n) * (0.5 + 0.5 * abs(X[, 1]))
fit <- lm(y ~ X)
case(0, 0, X, y, none, none, coef(fit), se(vcov(fit)), se(vcovHC(fit, "HC1")))
fit <- lm(y ~ X, weights = w)
data <- data.frame(y, X, w)
survey <- svyglm(y ~ a + b + c, svydesign(~1, weights = ~w, data = data))
same(se(vcovHC(fit, "HC1")), se(vcov(survey)) * sqrt((n - 1) / (n - k)))
case(0, 1, X, y, w, none, coef(fit), se(vcov(fit)), se(vcovHC(fit, "HC1")))
fit <- lm(y[again] ~ X[again, ])
case(0, 2, X, y, f, none, coef(fit), se(vcov(fit)), se(vcovHC(fit, "HC1")))
# Several responses.
Y <- cbind(y, X[, 1] - X[, 3] + rnorm(n))
fits <- list(lm(Y[, 1] ~ X, weights = w), lm(Y[, 2] ~ X, weights = w))
case(0, 1, X, Y, w, none, sapply(fits, coef), sapply(fits, function(m) se(vcov(m))),
     sapply(fits, function(m) se(vcovHC(m, "HC1"))))

# Likelihoods: glm, and n/(n - 1) times the sandwich, which is svyglm's. With sampling weights the model's errors are those
# of as many samples as the weights are worth.
likelihood <- function(number, family, y, offset) {
  zero <- if (length(offset)) offset else rep(0, n)
  fit <- glm(y ~ X, family = family, offset = zero, control = exact)
  case(number, 0, X, y, none, offset, coef(fit), se(vcov(fit)), se(sandwich(fit)) * sqrt(n / (n - 1)))
  worth <- w * sum(w) / sum(w^2)
  fit <- suppressWarnings(glm(y ~ X, family = family, weights = worth, offset = zero, control = exact))
  data <- data.frame(y, X, w, zero)
  survey <- suppressWarnings(svyglm(y ~ a + b + c + offset(zero), svydesign(~1, weights = ~w, data = data),
                                    family = family, control = exact))
  same(se(sandwich(fit)) * sqrt(n / (n - 1)), se(vcov(survey)))
  case(number, 1, X, y, w, offset, coef(fit), se(summary(fit)$cov.unscaled), se(sandwich(fit)) * sqrt(n / (n - 1)))
  fit <- glm(y[again] ~ X[again, ], family = family, offset = zero[again], control = exact)
  m <- length(again)
  case(number, 2, X, y, f, offset, coef(fit), se(vcov(fit)), se(sandwich(fit)) * sqrt(m / (m - 1)))
}
likelihood(1, binomial, as.numeric(runif(n) < plogis(eta)), none)
likelihood(2, poisson, rpois(n, exp(0.5 * eta + 0.1)), none)
likelihood(2, poisson, rpois(n, exp(0.5 * eta) * (1 + X[, 3])), log(1 + X[, 3]))

# Three classes, coefficients that sum to 0 over them: by Newton's method on those of classes 1 and 2 against class 0.
label <- ifelse(eta + rnorm(n) > 0.7, 2, ifelse(runif(n) < 0.5, 1, 0))
A <- cbind(1, scale(X, scale = FALSE))
classes <- function(w) {
  B <- matrix(0, k, 2)
  for (step in 1:50) {
    P <- cbind(1, exp(A %*% B))
    P <- P / rowSums(P)
    score <- cbind(w * ((label == 1) - P[, 2]) * A, w * ((label == 2) - P[, 3]) * A)
    H <- rbind(cbind(t(A) %*% (w * P[, 2] * (1 - P[, 2]) * A), t(A) %*% (-w * P[, 2] * P[, 3] * A)),
               cbind(t(A) %*% (-w * P[, 2] * P[, 3] * A), t(A) %*% (w * P[, 3] * (1 - P[, 3]) * A)))
    B <- B + matrix(solve(H, colSums(score)), k)
  }
  list(B = B, H = H, score = score)
}
report <- function(kind, given, w, m, fit) {
  bread <- solve(fit$H)
  weight <- if (kind == 2) 1 / w else rep(1, n)
  meat <- t(fit$score) %*% (weight * fit$score) * m / (m - 1)
  sums <- rbind(c(-1, -1), c(2, -1), c(-1, 2)) / 3  # of the free classes to all three, which sum to 0
  users <- diag(k)
  users[1, -1] <- -colMeans(X)
  T <- kronecker(sums, users)
  estimate <- matrix(T %*% as.vector(fit$B), k)
  case(3, kind, X, label, given, none, estimate, matrix(se(T %*% bread %*% t(T)), k),
       matrix(se(T %*% bread %*% meat %*% bread %*% t(T)), k))
}
plain <- classes(rep(1, n))
peer <- multinom(label ~ A - 1, trace = FALSE, reltol = 1e-15, abstol = 1e-15, maxit = 1000)
stopifnot(max(abs(as.vector(t(coef(peer))) - as.vector(plain$B))) < 1e-4)
same(se(vcov(peer)), se(solve(plain$H)))
report(0, none, rep(1, n), n, plain)
worth <- w * sum(w) / sum(w^2)
report(1, w, worth, n, classes(worth))
report(2, f, f, sum(f), classes(f))
write_array("num_cases", count)
