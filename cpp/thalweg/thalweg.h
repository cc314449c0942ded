// The one header an embedder includes: build a graph, differentiate it, run it.
//
//   thalweg::Library library;
//   thalweg::register_ops(library.ops);
//   thalweg::register_kernels(library.kernels);
//   thalweg::Graph graph(library.ops);
//   thalweg::Scope scope(graph);
//   thalweg::Out y = thalweg::scalar(2, thalweg::DType::float32) * 3.0;
//   thalweg::Session session(graph, library);
//   float six = session.run({}, {y})[0].item<float>();
#pragma once

#include "thalweg/autodiff/backward.h"
#include "thalweg/formats/graphdef.h"
#include "thalweg/graph/out.h"
#include "thalweg/kernels/families.h"
#include "thalweg/ops/families.h"
#include "thalweg/runtime/plugin.h"
#include "thalweg/runtime/session.h"
