// Builds a graph in C++, differentiates it and trains it: a line through points.
#include <thalweg/thalweg.h>

#include <cstdio>

using namespace thalweg;  // NOLINT(google-build-using-namespace)

int main() {
  Library library;
  register_ops(library.ops);
  register_kernels(library.kernels);
  Graph graph(library.ops);
  Scope scope(graph);

  auto variable = [&](float start) {
    Out v(scope.add("VariableV2", {}, {{"shape", PartialShape(Shape())}, {"dtype", DType::float32}}));
    return std::pair(v, node("Assign", {v, constant(Tensor::scalar(start))}));
  };
  auto [slope, set_slope] = variable(0);
  auto [offset, set_offset] = variable(0);
  Out x(scope.add("Placeholder", {}, {{"dtype", DType::float32}, {"shape", PartialShape{kUnknown}}}, "x"));
  Out y(scope.add("Placeholder", {}, {{"dtype", DType::float32}, {"shape", PartialShape{kUnknown}}}, "y"));
  Out error = slope * x + offset - y;
  Out loss = node("Mean", {error * error, ints({0})});
  Outs grads = gradients({loss}, {slope, offset});
  Out rate = scalar(0.1, DType::float32);
  Outs step{node("ApplyGradientDescent", {slope, rate, grads[0]}),
            node("ApplyGradientDescent", {offset, rate, grads[1]})};

  Session session(graph, library);
  session.run({}, {}, {set_slope, set_offset});
  Tensor xs = Tensor::vector<float>({-1, 0, 1, 2}), ys = Tensor::vector<float>({-2, 1, 4, 7});  // y = 3x + 1
  for (int i = 0; i < 200; ++i) session.run({{x, xs}, {y, ys}}, {}, step);
  auto out = session.run({{x, xs}, {y, ys}}, {slope, offset, loss});
  float a = out[0].item<float>(), b = out[1].item<float>(), l = out[2].item<float>();
  std::printf("y = %.3f x + %.3f, loss %.6f\n", a, b, l);
  return l < 1e-3F ? 0 : 1;
}
