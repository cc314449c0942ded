// One training step of each network of the MNIST program, built and differentiated in C++.
#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

namespace {

constexpr int64_t kBatch = 100;

/// A network under construction: its variables, and what initialises them.
class Model {
 public:
  Model() : graph_(library().ops), scope_(graph_) {
    images = placeholder({kBatch, 28, 28, 1});
    labels = placeholder({kBatch, 10});
  }

  Out variable(Ints shape) {
    PartialShape s{std::span<const int64_t>(shape)};
    Out v(scope_.add("VariableV2", {}, {{"shape", s}, {"dtype", DType::float32}}));
    Tensor start = noise(s.shape());
    for (float& x : start.flat<float>()) x = 0.2f * x - 0.1f;
    initializers_.push_back(&node("Assign", {v, constant(start)}).node());
    variables_.push_back(v);
    return v;
  }

  Out dense(const Out& x, int64_t units) {
    return node("BiasAdd", {matmul(x, variable({x.shape()[1], units})), variable({units})});
  }
  Out conv(const Out& x, int64_t kernel, int64_t out, int64_t stride) {
    Out w = variable({kernel, kernel, x.shape()[3], out});
    Out y = node("Conv2D", {x, w}, {{"strides", Ints{1, stride, stride, 1}}, {"padding", std::string("SAME")}});
    return node("Relu", {node("BiasAdd", {y, variable({out})})});
  }
  Out flat(const Out& x) { return reshape(x, ints({kBatch, x.shape().size() / kBatch})); }

  /// Times one step of gradient descent on softmax cross-entropy.
  void report(Report& r, const std::string& name, const Out& logits) {
    Out loss = node("Mean", {node("SoftmaxCrossEntropyWithLogits", {logits, labels}), ints({0})});
    Outs grads = gradients({loss}, variables_);
    std::vector<Node*> updates;
    for (size_t i = 0; i < variables_.size(); ++i) {
      updates.push_back(&node("ApplyGradientDescent", {variables_[i], scalar(0.01, DType::float32), grads[i]}).node());
    }
    Session session(graph_, library());
    session.prepare({}, {}, initializers_)->run({});
    auto step = session.prepare({images.endpoint(), labels.endpoint()}, {}, updates);
    Tensor one_hot(DType::float32, Shape{kBatch, 10});
    std::ranges::fill(one_hot.flat<float>(), 0.0f);
    for (int64_t i = 0; i < kBatch; ++i) one_hot.ptr<float>()[i * 10 + i % 10] = 1;
    std::vector<Tensor> feeds{noise(Shape{kBatch, 28, 28, 1}), one_hot};
    r.row(name, 0, [&] { step->run(feeds); });
  }

  Out images, labels;

 private:
  Graph graph_;
  Scope scope_;
  Outs variables_;
  std::vector<Node*> initializers_;
};

void dense_layers(Report& r, const std::string& name, std::initializer_list<int64_t> units, const char* activation) {
  Model m;
  Out h = m.flat(m.images);
  for (int64_t n : units) h = node(activation, {m.dense(h, n)});
  m.report(r, name, m.dense(h, 10));
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv);
  dense_layers(report, "train_softmax", {}, "Relu");
  dense_layers(report, "train_784_128_32_10", {128, 32}, "Relu");
  dense_layers(report, "train_five_sigmoid", {200, 100, 60, 30}, "Sigmoid");
  dense_layers(report, "train_five_relu", {200, 100, 60, 30}, "Relu");
  Model cnn;
  Out h = cnn.conv(cnn.conv(cnn.conv(cnn.images, 6, 6, 1), 5, 12, 2), 4, 24, 2);
  h = node("Relu", {cnn.dense(cnn.flat(h), 200)});
  cnn.report(report, "train_cnn_6_12_24_200", cnn.dense(h, 10));
}
