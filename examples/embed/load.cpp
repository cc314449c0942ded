// Loads a GraphDef that Python wrote (write_graph.py) and runs it: ./load graph.pb
#include <thalweg/thalweg.h>

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace thalweg;  // NOLINT(google-build-using-namespace)

int main(int argc, char** argv) {
  try {
    TW_CHECK(argc == 2, "usage: load graph.pb");
    std::ifstream file(argv[1], std::ios::binary);
    TW_CHECK(file, "cannot open ", argv[1]);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};

    Library library;
    register_ops(library.ops);
    register_kernels(library.kernels);
    Graph graph(library.ops);
    import_graph_def(graph, bytes, "", {});
    Node *x = graph.find("x"), *y = graph.find("y");
    TW_CHECK(x && y, "the graph has no x and y");

    Session session(graph, library);
    Tensor row(DType::float32, Shape{1, 3});
    std::ranges::copy(std::initializer_list<float>{1, 2, 3}, row.ptr<float>());
    Tensor out = session.run({{Out(*x), row}}, {Out(*y)})[0];
    for (float v : out.flat<float>()) std::printf("%.4f ", v);
    std::printf("\n");
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
