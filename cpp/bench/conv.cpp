// Convolutions and poolings of the networks people learn with: forward, gradient of the filter, gradient of the input.
// Useful flops only; the matrix product is the yardstick for what the machine gives at the moment.
#include <functional>

#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

namespace {

Attrs window(int64_t stride, int64_t size = 0) {
  Attrs attrs{{"strides", Ints{1, stride, stride, 1}}, {"padding", std::string("SAME")}};
  if (size > 0) attrs.set("ksize", Ints{1, size, size, 1});
  return attrs;
}

struct Input {
  PartialShape shape;
  std::string gradient;  // what the row of its gradient is called
};

/// Times one op and its gradients.
void rows(Report& report, const std::string& name, double flops, const std::vector<Input>& inputs,
          const std::function<Out(std::span<const Out>)>& op) {
  Graph graph(library().ops);
  Scope scope(graph);
  Outs xs;
  std::vector<Endpoint> feeds;
  std::vector<Tensor> values;
  for (const Input& i : inputs) {
    xs.push_back(placeholder(i.shape));
    feeds.push_back(xs.back().endpoint());
    values.push_back(noise(i.shape.shape()));
  }
  Out y = op(xs);
  GradientOptions options;
  Out dy = placeholder(y.shape());
  options.grad_ys = {dy};
  Outs grads = gradients({y}, xs, options);
  Session session(graph, library());
  auto forward = session.prepare(feeds, {}, {&y.node()});
  report.row(name, flops, [&] { forward->run(values); });
  feeds.push_back(dy.endpoint());
  values.push_back(noise(y.shape().shape()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto backward = session.prepare(feeds, {}, {&grads[i].node()});
    report.row(name + "_" + inputs[i].gradient, flops, [&] { backward->run(values); });
  }
}

struct Layer {
  int64_t batch, size, in, kernel, out, stride;
  std::string str() const {
    return thalweg::str(batch, "x", size, "x", size, "x", in, "_", kernel, "x", kernel, "x", out, "_s", stride);
  }
  PartialShape image() const { return {batch, size, size, in}; }
  double flops() const {
    double side = double((size + stride - 1) / stride);
    return 2.0 * double(batch) * side * side * double(kernel * kernel * in * out);
  }
};

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv);
  rows(report, "matmul_768", 2.0 * 768 * 768 * 768, {{{768, 768}, "da"}, {{768, 768}, "db"}},
       [](auto x) { return matmul(x[0], x[1]); });
  for (int64_t batch : {100, 1}) {
    for (const Layer& l : {Layer{batch, 28, 1, 5, 4, 1}, Layer{batch, 28, 4, 4, 8, 2}, Layer{batch, 14, 8, 4, 12, 2},
                           Layer{batch, 28, 1, 6, 6, 1}, Layer{batch, 28, 6, 5, 12, 2}, Layer{batch, 14, 12, 4, 24, 2},
                           Layer{batch / 2 + batch % 2, 28, 1, 5, 32, 1},
                           Layer{batch / 2 + batch % 2, 14, 32, 5, 64, 1}, Layer{batch, 32, 3, 3, 32, 1}}) {
      rows(report, "conv_" + l.str(), l.flops(), {{l.image(), "dx"}, {{l.kernel, l.kernel, l.in, l.out}, "dw"}},
           [&](auto x) { return node("Conv2D", x, window(l.stride)); });
    }
  }
  for (const Layer& l : {Layer{32, 56, 64, 3, 64, 1}, Layer{32, 28, 64, 1, 256, 1}, Layer{32, 14, 256, 1, 64, 1}}) {
    rows(report, "conv_" + l.str(), l.flops(), {{l.image(), "dx"}, {{l.kernel, l.kernel, l.in, l.out}, "dw"}},
         [&](auto x) { return node("Conv2D", x, window(l.stride)); });
  }
  for (Layer l : {Layer{32, 28, 64, 3, 1, 1}, Layer{32, 56, 32, 3, 1, 2}}) {
    rows(report, "depthwise_" + l.str(), l.flops(), {{l.image(), "dx"}, {{l.kernel, l.kernel, l.in, 1}, "dw"}},
         [&](auto x) { return node("DepthwiseConv2dNative", x, window(l.stride)); });
  }
  for (const Layer& l : {Layer{50, 28, 32, 2, 1, 2}, Layer{50, 14, 64, 2, 1, 2}, Layer{32, 56, 64, 3, 1, 2}}) {
    for (const char* op : {"MaxPool", "AvgPool"}) {
      rows(report, thalweg::str(op, "_", l.str()), 0, {{l.image(), "dx"}},
           [&](auto x) { return node(op, {Out(x[0])}, window(l.stride, l.kernel)); });
    }
  }
}
