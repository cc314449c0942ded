// Convolutions of the networks people learn with: forward, gradient of the filter, gradient of the input.
#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

int main(int argc, char** argv) {
  Report report(argc, argv);
  struct Layer {
    int64_t batch, size, in, kernel, out, stride;
  };
  for (auto [batch, size, in, kernel, out, stride] :
       {Layer{100, 28, 1, 6, 6, 1}, Layer{100, 28, 6, 5, 12, 2}, Layer{100, 14, 12, 4, 24, 2},
        Layer{100, 28, 1, 5, 32, 1}, Layer{100, 14, 32, 5, 64, 1}, Layer{32, 56, 64, 3, 64, 1}}) {
    Graph graph(library().ops);
    Scope scope(graph);
    Out x = placeholder({batch, size, size, in}), w = placeholder({kernel, kernel, in, out});
    Out y = node("Conv2D", {x, w}, {{"strides", Ints{1, stride, stride, 1}}, {"padding", std::string("SAME")}});
    GradientOptions options;
    Out dy = placeholder(y.shape());
    options.grad_ys = {dy};
    Outs grads = gradients({y}, {x, w}, options);
    Session session(graph, library());
    std::vector<Tensor> forward{noise(x.shape().shape()), noise(w.shape().shape())};
    std::vector<Tensor> backward = forward;
    backward.push_back(noise(y.shape().shape()));
    double side = double((size + stride - 1) / stride);
    double flops = 2.0 * double(batch) * side * side * double(kernel * kernel * in * out);
    std::string name = str(batch, "x", size, "x", size, "x", in, "_", kernel, "x", kernel, "x", out, "_s", stride);
    auto run = session.prepare({x.endpoint(), w.endpoint()}, {}, {&y.node()});
    auto run_filter = session.prepare({x.endpoint(), w.endpoint(), dy.endpoint()}, {}, {&grads[1].node()});
    auto run_input = session.prepare({x.endpoint(), w.endpoint(), dy.endpoint()}, {}, {&grads[0].node()});
    report.row("conv_" + name, flops, [&] { run->run(forward); });
    report.row("conv_filter_" + name, flops, [&] { run_filter->run(backward); });
    report.row("conv_input_" + name, flops, [&] { run_input->run(backward); });
  }
}
