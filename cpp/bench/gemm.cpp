// Matrix products of the shapes that dense layers have, forward and backward.
#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

int main(int argc, char** argv) {
  Report report(argc, argv);
  struct Size {
    int64_t m, k, n;
    bool ta, tb;
  };
  for (auto [m, k, n, ta, tb] :
       {Size{100, 784, 128, false, false}, Size{100, 128, 32, false, false}, Size{100, 784, 10, false, false},
        Size{784, 100, 128, true, false}, Size{100, 128, 784, false, true}, Size{128, 784, 200, false, false},
        Size{64, 3136, 1024, false, false}, Size{1, 784, 128, false, false}, Size{256, 256, 256, false, false},
        Size{512, 512, 512, false, false}, Size{1024, 1024, 1024, false, false}}) {
    Graph graph(library().ops);
    Scope scope(graph);
    Out a = placeholder(ta ? PartialShape{k, m} : PartialShape{m, k}),
        b = placeholder(tb ? PartialShape{n, k} : PartialShape{k, n});
    Out c = matmul(a, b, ta, tb);
    Session session(graph, library());
    auto run = session.prepare({a.endpoint(), b.endpoint()}, {}, {&c.node()});
    std::vector<Tensor> feeds{noise(a.shape().shape()), noise(b.shape().shape())};
    report.row(str("gemm_", m, "x", k, "x", n, ta ? "_ta" : "", tb ? "_tb" : ""),
               2.0 * double(m) * double(k) * double(n), [&] { run->run(feeds); });
  }
}
