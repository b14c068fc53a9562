// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// io/: files in, files and texts out. This header brings all of them; each also is a door of its own, and `l0.hpp`
/// includes none, for most programs need one or two, and files cost compile time.
///
///     file     directories, compressed files and files that change while they are read end here
///       ▼
///     text   ─ csv: a table of texts by column, or its parts; numbers and categories when asked for
///              features: columns of numbers and of categories as X, with names and groups
///            ─ matrix_market: a sparse matrix, stored zeros too
///     bytes  ─ idx: the arrays of MNIST and its relatives
///            ─ safetensors: tensors by name ─ network: parameters and gates of a network, the state of a training run
///                                           ─ model: a fitted estimator
///       ▼
///     data and networks, in memory as the other rooms take them
///       ▼ fits
///     report   to_string, to_json and << for what a fit returns
///     coefficients   estimates, standard errors and intervals as text, CSV and LaTeX; path: as CSV and as a picture
///     tracker  a callback that keeps the record of a run: CSV, JSON lines, a picture
///
/// Files are checked before anything is made of them; what is wrong with one is said by `Error` with its name and, in
/// texts, the line.

#include <l0/io/coefficients.hpp>
#include <l0/io/csv.hpp>
#include <l0/io/features.hpp>
#include <l0/io/idx.hpp>
#include <l0/io/matrix_market.hpp>
#include <l0/io/model.hpp>
#include <l0/io/network.hpp>
#include <l0/io/path.hpp>
#include <l0/io/report.hpp>
#include <l0/io/safetensors.hpp>
#include <l0/io/text.hpp>
#include <l0/io/tracker.hpp>
