// Readers of foreign bytes: round trips, and no input that crashes them.
#include <unistd.h>

#include <cstdio>
#include <random>

#include "check.h"
#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/events.h"
#include "thalweg/formats/file.h"
#include "thalweg/formats/record.h"
#include "thalweg/formats/tensor_proto.h"
#include "thalweg/graph/function.h"
#include "thalweg/thalweg.h"

using namespace thalweg;  // NOLINT(google-build-using-namespace)

namespace {

const OpRegistry& catalogue() {
  static OpRegistry* r = [] {
    auto* made = new OpRegistry();
    register_ops(*made);
    return made;
  }();
  return *r;
}

std::string sample_graph() {
  Graph g(catalogue());
  Scope scope(g);
  Out x = node("Placeholder", {}, {{"dtype", DType::float32}, {"shape", PartialShape{-1, 3}}}, "x");
  Out w = constant(Tensor::vector<float>({1, 2, 3, 4, 5, 6}).reshaped({3, 2}), "w");
  Out y = matmul(x, w) + 1.0;
  Out names = constant(Tensor::vector<std::string>({"a", "bc"}), "names");
  Outs parts = outputs_of(node("Split", {int_scalar(1), y}, {{"num_split", int64_t(2)}}, "parts"));
  g.add_control_input(node("Identity", {parts[1]}, {}, "last").node(), names.node());
  return to_graph_def(g);
}

/// y = If(positive, 2 x, x) over functions that call one another.
std::string sample_graph_with_functions() {
  auto floats = [](const char* name) {
    return node("Placeholder", {}, {{"dtype", DType::float32}, {"shape", PartialShape{-1, 3}}}, name);
  };
  Attrs one{{"Tout", DTypes{DType::float32}}};
  auto twice = std::make_shared<Graph>(catalogue()), call = std::make_shared<Graph>(catalogue());
  auto same = std::make_shared<Graph>(catalogue());
  {
    Scope scope(*twice);
    Out a = floats("A/in");
    Outs parts = outputs_of(node("Split", {int_scalar(1), a}, {{"num_split", int64_t(3)}}, "parts"));
    Out b = node("ConcatV2", {parts[0], parts[1], parts[2], int_scalar(1)}, {}, "joined") * 2.0;
    Node& watch = node("CheckNumerics", {b}, {{"message", std::string("watch")}}, "watch").node();
    auto f = make_function("twice", twice, {a.endpoint()}, {b.endpoint()}, {&watch});
    call->define(f);
  }
  {
    Scope scope(*call);
    Out a = floats("a");
    Attrs attrs = one;
    attrs.set("f", FuncName{"twice"});
    Out b = node("PartitionedCall", {a}, attrs, "call");
    Scope other(*same);
    Out c = floats("c");
    Graph g(catalogue());
    g.define(make_function("call", call, {a.endpoint()}, {b.endpoint()}));
    g.define(make_function("same", same, {c.endpoint()}, {c.endpoint()}));
    Scope main(g);
    Out x = floats("x");
    attrs = one;
    attrs.set("then_branch", FuncName{"call"});
    attrs.set("else_branch", FuncName{"same"});
    Out positive = node("Placeholder", {}, {{"dtype", DType::boolean}, {"shape", PartialShape(Shape())}}, "positive");
    node("StatelessIf", {positive, x}, attrs, "y");
    return to_graph_def(g);
  }
}

std::string varint_field(uint32_t field, uint64_t value) {
  WireWriter w;
  w.varint(field, value);
  return std::move(w).str();
}

}  // namespace

TEST(varints_round_trip) {
  for (uint64_t v : {uint64_t(0), uint64_t(1), uint64_t(127), uint64_t(128), uint64_t(1) << 35, ~uint64_t(0)}) {
    std::string bytes = varint_field(7, v);
    WireReader r(bytes, "Test");
    CHECK(r.next());
    CHECK_EQ(r.field(), 7u);
    CHECK_EQ(r.varint(), v);
    CHECK(!r.next());
  }
}

TEST(malformed_fields_name_the_byte) {
  auto walk = [](std::string_view bytes) {
    for (WireReader r(bytes, "Test"); r.next();) {
    }
  };
  CHECK_THROWS(walk("\x80"), "15 Test: truncated varint at byte 0");
  CHECK_THROWS(walk(std::string_view("\x08\x80", 2)), "truncated varint at byte 1");
  CHECK_THROWS(walk("\x12\x05"
                    "ab"),
               "field 2 of 5 bytes runs past the end at byte 1");
  CHECK_THROWS(walk("\x0d"
                    "ab"),
               "truncated number at byte 1");
  CHECK_THROWS(walk("\x0b"), "field 1 has unknown wire type 3");
  CHECK_THROWS(walk(std::string_view("\x00\x01", 2)), "bad field number");
  CHECK_THROWS(walk("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "more than 64 bits");
  CHECK_THROWS(walk("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "runs past the end");
}

TEST(wire_types_are_checked) {
  std::string bytes = varint_field(1, 5);
  WireReader r(bytes, "Test");
  r.next();
  CHECK_THROWS(r.bytes(), "field 1 has wire type 0, expected 2");
  CHECK_THROWS(r.float32(), "expected 5");
  CHECK_EQ(r.int32(), 5);
}

TEST(text_must_be_utf8) {
  auto text = [](std::string_view s) {
    WireWriter w;
    w.bytes(1, s);
    WireReader r(w.str(), "Test");
    r.next();
    return r.text();
  };
  CHECK_EQ(text("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
           "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    CHECK_THROWS(text(bad), "not UTF-8");
  }
}

TEST(crc32c_of_known_strings) {
  CHECK_EQ(crc32c("123456789"), 0xe3069283u);
  CHECK_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  CHECK_EQ(crc32c("56789", crc32c("1234")), 0xe3069283u);
}

TEST(records_round_trip_and_detect_damage) {
  std::string file;
  append_record(file, "first");
  append_record(file, "");
  append_record(file, std::string(1000, 'x'));
  size_t at = 0;
  std::string_view record;
  CHECK(next_record(file, at, record) && record == "first");
  CHECK(next_record(file, at, record) && record.empty());
  CHECK(next_record(file, at, record) && record.size() == 1000);
  CHECK(!next_record(file, at, record));
  for (size_t i = 0; i < file.size(); i += 7) {
    std::string damaged = file;
    damaged[i] = char(damaged[i] ^ 0x10);
    CHECK_THROWS(
        [&] {
          for (size_t p = 0; next_record(damaged, p, record);) {
          }
        }(),
        "record at ");
  }
  CHECK_THROWS(
      [&] {
        for (size_t p = 0; next_record(file.substr(0, 30), p, record);) {
        }
      }(),
      "truncated record at 21");
}

TEST(tensors_of_every_type_round_trip) {
  for (int i = 1; i < kDTypeCount; ++i) {
    DType t = DType(i);
    if (!kPlain.has(t)) continue;
    for (int64_t n : {0, 1, 5}) {
      Tensor a(t, Shape{n});
      for (size_t b = 0; b < a.bytes(); ++b)
        static_cast<unsigned char*>(a.data())[b] = t == DType::boolean ? b & 1 : 200 + b;
      size_t budget = 1 << 20;
      std::string bytes = tensor_proto(a).str();
      Tensor b = read_tensor_proto(WireReader(bytes, "TensorProto"), budget);
      CHECK(Attrs::equal(a, b));
    }
  }
}

TEST(small_messages_cannot_ask_for_much_memory) {
  WireWriter t;
  t.varint(1, uint64_t(DType::float32));
  t.message(2, shape_proto(PartialShape{1 << 20, 1 << 20}));
  size_t budget = 1 << 20;
  CHECK_THROWS(read_tensor_proto(WireReader(t.str(), "TensorProto"), budget),
               "8 TensorProto: float32[1048576,1048576]");
}

TEST(graphs_round_trip) {
  std::string bytes = sample_graph();
  Graph g(catalogue());
  auto nodes = import_graph_def(g, bytes);
  CHECK_EQ(to_graph_def(g) == bytes, true);
  CHECK_EQ(nodes.at("last")->control_inputs().size(), 1u);
  import_graph_def(g, bytes, "again");
  CHECK(g.find("again/last"));
  CHECK_THROWS(import_graph_def(g, bytes), "Node name 'x' already exists in the Graph");
  CHECK_THROWS(import_graph_def(g, bytes, "p", {{"nobody", Endpoint{nodes.at("w"), 0}}}),
               "Attempted to map inputs that were not found in graph_def: [nobody:0]");
  auto mapped =
      import_graph_def(g, bytes, "mapped", {{"x", Endpoint{nodes.at("x"), 0}}, {"w:0", Endpoint{nodes.at("w"), 0}}});
  CHECK(mapped.at("MatMul")->inputs()[1].node == nodes.at("w"));
}

TEST(damaged_graphs_are_refused_or_read) {
  std::string bytes = sample_graph();
  for (size_t n = 0; n < bytes.size(); ++n) {
    Graph g(catalogue());
    check::error_of([&] { import_graph_def(g, std::string_view(bytes).substr(0, n)); });
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = bytes;
    for (int k = 0; k < 1 + i % 4; ++k) damaged[random() % damaged.size()] = char(random());
    Graph g(catalogue());
    check::error_of([&] { import_graph_def(g, damaged); });
  }
}

TEST(functions_go_with_a_graph) {
  std::string bytes = sample_graph_with_functions();
  Graph g(catalogue());
  auto nodes = import_graph_def(g, bytes);
  CHECK_EQ(g.functions().size(), 2u);  // those that its nodes name; "twice" is known where it is called
  auto f = g.function("call");
  CHECK_EQ(f->inputs[0].node->output(0).shape.to_string(), "[?,3]");
  auto inner = f->graph->function("twice");
  CHECK_EQ(inner->targets.size(), 1u);
  CHECK_EQ(inner->outputs[0].node->op().name, "Mul");
  Graph written(catalogue());
  import_graph_def(written, to_graph_def(g));
  CHECK_EQ(written.function("call")->graph->function("twice")->outputs[0].node->op().name, "Mul");
  import_graph_def(g, bytes, "again");  // has functions of its own, under other names
  CHECK_EQ(g.functions().size(), 4u);
  Graph other(catalogue());
  auto body = std::make_shared<Graph>(catalogue());
  Endpoint e = {&body->add({"Placeholder", "p", {}, {{"dtype", DType::int32}}, {}, {}, {}}), 0};
  other.define(make_function("same", body, {e}, {e}));
  import_graph_def(other, bytes);  // what was there stays
  CHECK_EQ(other.functions().size(), 3u);
  CHECK(other.function("same")->graph == body);
}

TEST(damaged_functions_are_refused_or_read) {
  std::string bytes = sample_graph_with_functions();
  for (size_t n = 0; n < bytes.size(); ++n) {
    Graph g(catalogue());
    check::error_of([&] { import_graph_def(g, std::string_view(bytes).substr(0, n)); });
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = bytes;
    for (int k = 0; k < 1 + i % 4; ++k) damaged[random() % damaged.size()] = char(random());
    Graph g(catalogue());
    check::error_of([&] { import_graph_def(g, damaged); });
  }
}

TEST(functions_must_not_call_themselves) {
  WireWriter graph, library, f, signature, call, attr, entry, func;
  signature.bytes(1, "loop");
  func.bytes(1, "loop");
  attr.message(10, func);
  entry.bytes(1, "f");
  entry.message(2, attr);
  call.bytes(1, "again");
  call.bytes(2, "PartitionedCall");
  call.message(5, entry);
  f.message(1, signature);
  f.message(3, call);
  library.message(1, f);
  graph.message(2, library);
  graph.message(1, call);
  Graph g(catalogue());
  CHECK_THROWS(import_graph_def(g, graph.str()), "3 function loop calls itself");
}

TEST(cycles_are_refused) {
  WireWriter graph;
  for (auto [name, input] : {std::pair("a", "b"), std::pair("b", "a")}) {
    WireWriter n;
    n.bytes(1, name);
    n.bytes(2, "Identity");
    n.bytes(3, input);
    graph.message(1, n);
  }
  Graph g(catalogue());
  CHECK_THROWS(import_graph_def(g, graph.str()), "node 'a' is part of a cycle");
  CHECK_EQ(g.size(), 0);
}

TEST(event_files_begin_with_their_version) {
  std::string path = str("/tmp/thalweg_events_", ::getpid());
  EventWriter w(path);
  w.add_event("\x10\x05");
  w.close();
  w.close();
  CHECK_THROWS(w.add_event(""), "the event file is closed");
  std::string file = read_file(path);
  size_t at = 0;
  std::string_view record;
  CHECK(next_record(file, at, record) && record.find("brain.Event:2") != record.npos);
  CHECK(next_record(file, at, record) && record == "\x10\x05");
  std::remove(path.c_str());
  CHECK_THROWS(EventWriter("/no/such/folder/events"), "5 /no/such/folder/events: No such file or directory");
}

TEST(files_are_replaced_whole) {
  std::string path = str("/tmp/thalweg_file_", ::getpid());
  write_file(path, "one");
  write_file(path, "two");
  CHECK_EQ(read_file(path), "two");
  CHECK_THROWS(read_file(path, 2), "larger than the limit of 2 bytes");
  std::remove(path.c_str());
  CHECK_THROWS(read_file(path), "No such file or directory");
}
