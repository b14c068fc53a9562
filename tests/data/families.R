# SPDX-License-Identifier: MIT
# What tests/regression/families.cpp compares with: R 4.2.2 with MASS 7.3-58.2, survival 3.5-3 and quantreg 5.94, as Debian has them.
library(MASS)
library(survival)
library(quantreg)
n <- 60
i <- 0:(n - 1)
x1 <- ((7 * i) %% 19) / 9 - 1
x2 <- ((11 * i) %% 23) / 11 - 1
x3 <- ((5 * i) %% 17) / 8 - 1
u <- ((i * i * 7 + 13 * i + 5) %% 97) / 97
X <- cbind(x1, x2, x3)
w <- 1 + (i %% 3)
off <- ((3 * i) %% 7) / 10
count <- floor(exp(1.2 + 0.5 * x1 - 0.4 * x2) * 4 * u^3 + 0.5)
amount <- exp(1 + 0.5 * x1 - 0.3 * x3) * (0.2 + 1.6 * u)
wild <- 2 + 1.5 * x1 - x2 + (u - 0.5) + ifelse(i %% 10 == 3, 8, 0)
time <- ceiling(10 * exp(-0.7 * x1 + 0.4 * x2) * (0.1 + u))
event <- ifelse(i %% 4 == 1, 0, 1)
label <- as.numeric(0.3 + x1 - x2 + 3 * (u - 0.5) > 0)

tell <- function(name, ...) cat(name, ":", format(unname(c(...)), digits = 17), "\n")
control <- glm.control(epsilon = 1e-14, maxit = 200)
m <- glm(count ~ X + offset(off), family = quasipoisson, control = control)
tell("quasi-Poisson, dispersion", coef(m), summary(m)$dispersion)
m <- glm.nb(count ~ X + offset(off), control = glm.control(epsilon = 1e-14, maxit = 500))
tell("negative binomial, theta, deviance", coef(m), m$theta, m$deviance)
m <- glm(amount ~ X, family = Gamma(link = "log"), control = control)
tell("gamma, dispersion, deviance", coef(m), summary(m)$dispersion, m$deviance)
tell("gamma with weights", coef(glm(amount ~ X, family = Gamma(link = "log"), weights = w, control = control)))
rounded <- 0.6745 / qnorm(0.75) # rlm's scale has four digits of it
for (k in c(1.345, 2)) {
  m <- rlm(wild ~ X, psi = psi.huber, k = k * rounded, acc = 1e-14, maxit = 2000)
  tell(paste("Huber", k, "scale"), coef(m), m$s * rounded)
}
for (tau in c(0.5, 0.8)) {
  m <- rq(wild ~ X, tau = tau)
  tell(paste("quantile", tau, "loss"), coef(m), m$rho)
}
ends <- coxph.control(eps = 1e-14, iter.max = 100)
m <- coxph(Surv(time, event) ~ X, ties = "breslow", control = ends)
tell("Cox, log likelihoods", coef(m), m$loglik)
m <- coxph(Surv(time, event) ~ X + offset(off), weights = w, ties = "breslow", control = ends)
tell("Cox with weights and offset, log likelihoods", coef(m), m$loglik)
m <- glm(label ~ X, family = binomial(link = "cloglog"), control = control)
tell("complementary log-log, deviance", coef(m), m$deviance)
