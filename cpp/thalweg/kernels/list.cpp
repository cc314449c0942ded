// CPU kernels of the TensorList ops. A list that only this step holds is changed in place.
#include <cstring>
#include <numeric>

#include "thalweg/core/variant.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/list.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

PartialShape shape_in(const Tensor& t) {
  TW_CHECK(t.rank() <= 1, "an element shape is a vector, or -1 for an unknown one; got shape ", t.shape());
  Ints dims;
  visit<kIndex>(t.dtype(), [&]<class T>() { dims.assign(t.ptr<T>(), t.ptr<T>() + t.size()); });
  if (t.rank() == 0) {
    TW_CHECK(dims[0] == -1, "an element shape is a vector, or -1 for an unknown one; got ", dims[0]);
    return {};
  }
  for (int64_t d : dims) TW_CHECK(d >= -1, "an element shape has a dimension of size ", d);
  return PartialShape(std::span<const int64_t>(dims));
}

PartialShape merged(const PartialShape& a, const PartialShape& b, const char* what) {
  TW_CHECK(a.compatible(b), "Tried to ", what, " with incompatible shape ", b, ", expected ", a);
  if (!a.known_rank()) return b;
  PartialShape out = a;
  for (int i = 0; i < b.rank(); ++i) {
    if (out[i] < 0) out.set(i, b[i]);
  }
  return out;
}

const TensorList& list_in(const Tensor& t, const char* op) {
  const TensorList* list = t.size() == 1 ? t.ptr<Variant>()[0].list() : nullptr;
  TW_CHECK(list, op, ": the input handle is not a list");
  return *list;
}

Tensor handle(TensorList list) { return Tensor::scalar(Variant(std::move(list))); }

/// Input 0 to be changed and given as output 0.
class Changed {
 public:
  Changed(KernelContext& k, const char* op) : k_(k) {
    list_in(k.in(0), op);
    handle_ = k.borrow(0);
    if (!handle_.sole()) handle_ = handle_.clone();
    list_ = &handle_.ptr<Variant>()->edit();
  }
  TensorList* operator->() const { return list_; }
  TensorList& operator*() const { return *list_; }
  void give() { k_.set_out(0, std::move(handle_)); }

 private:
  KernelContext& k_;
  Tensor handle_;
  TensorList* list_;
};

void check_dtype(const TensorList& list, DType t, const char* op) {
  TW_CHECK(list.dtype == t, op, ": Invalid data types; list elements ", name_of(list.dtype), " but the op's are ",
           name_of(t));
}

int64_t index_in(const TensorList& list, int64_t i, const char* what) {
  TW_CHECK(i >= 0 && i < int64_t(list.items.size()), "Trying to ", what, " element ", i, " in a list with ",
           list.items.size(), " elements.");
  return i;
}

/// The shape of items that were not set, from whatever says something about it.
Shape item_shape(const TensorList& list, PartialShape wanted) {
  wanted = merged(list.element_shape, wanted, "read an item");
  for (const Tensor& t : list.items) {
    if (wanted.fully_known()) break;
    if (t) wanted = merged(wanted, t.shape(), "read an item");
  }
  TW_CHECK(wanted.fully_known(),
           "Tried to read an uninitialized item of a list, but its shape is not fully known: element_shape is ",
           wanted);
  return wanted.shape();
}

Tensor zeros(DType dtype, const Shape& shape) {
  Tensor t(dtype, shape);
  if (kPlain.has(dtype)) std::memset(t.data(), 0, t.bytes());
  return t;
}

struct EmptyTensorList {
  static constexpr bool kGivesOutputs = true;
  DType dtype;
  explicit EmptyTensorList(const KernelInit& init) : dtype(init.attr<DType>("element_dtype")) {}
  void operator()(KernelContext& k) const { k.set_out(0, handle({dtype, shape_in(k.in(0)), k.in(1).item<int32_t>()})); }
};

struct TensorListReserve {
  static constexpr bool kGivesOutputs = true;
  DType dtype;
  explicit TensorListReserve(const KernelInit& init) : dtype(init.attr<DType>("element_dtype")) {}
  void operator()(KernelContext& k) const {
    int64_t n = k.in(1).item<int32_t>();
    TW_CHECK(n >= 0, "The num_elements to reserve must be a non negative number, but got ", n);
    TensorList list{dtype, shape_in(k.in(0))};
    list.items.resize(size_t(n));
    k.set_out(0, handle(std::move(list)));
  }
};

void check_item(const TensorList& list, const Tensor& item, const char* op, const char* what) {
  check_dtype(list, item.dtype(), op);
  TW_CHECK(list.element_shape.compatible(item.shape()), "Tried to ", what,
           " a tensor with incompatible shape to a list. ", op, ": item element shape: ", item.shape(),
           " list shape: ", list.element_shape);
}

struct TensorListPushBack {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  void operator()(KernelContext& k) const {
    const TensorList& before = list_in(k.in(0), "TensorListPushBack");
    check_item(before, k.in(1), "TensorListPushBack", "append");
    TW_CHECK(before.max_items < 0 || int64_t(before.items.size()) < before.max_items,
             "Tried to push item into a full list list size: ", before.items.size(),
             " max_num_elements: ", before.max_items);
    Changed list(k, "TensorListPushBack");
    list->items.push_back(k.take(1));
    list.give();
  }
};

struct TensorListPopBack {
  static constexpr bool kGivesOutputs = true;
  DType dtype;
  explicit TensorListPopBack(const KernelInit& init) : dtype(init.attr<DType>("element_dtype")) {}
  void operator()(KernelContext& k) const {
    const TensorList& before = list_in(k.in(0), "TensorListPopBack");
    check_dtype(before, dtype, "TensorListPopBack");
    TW_CHECK(!before.items.empty(), "Trying to pop from an empty list.");
    PartialShape wanted = shape_in(k.in(1));
    Changed list(k, "TensorListPopBack");
    Tensor item = std::move(list->items.back());
    if (!item) item = zeros(dtype, item_shape(*list, wanted));
    list->items.pop_back();
    list.give();
    k.set_out(1, std::move(item));
  }
};

struct TensorListLength {
  void operator()(KernelContext& k) const {
    k.out<int32_t>(0)[0] = int32_t(list_in(k.in(0), "TensorListLength").items.size());
  }
};

struct TensorListElementShape {
  void operator()(KernelContext& k) const {
    const PartialShape& shape = list_in(k.in(0), "TensorListElementShape").element_shape;
    Tensor& out = shape.known_rank() ? k.out(0, Shape{shape.rank()}) : k.out(0, Shape());
    visit<kIndex>(out.dtype(), [&]<class T>() {
      if (!shape.known_rank()) out.ptr<T>()[0] = T(-1);
      std::ranges::transform(shape.dims(), out.ptr<T>(), [](int64_t d) { return T(d); });
    });
  }
};

struct TensorListSetItem {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  bool grow;
  explicit TensorListSetItem(const KernelInit& init) : grow(init.attr<bool>("resize_if_index_out_of_bounds")) {}
  void operator()(KernelContext& k) const {
    const TensorList& before = list_in(k.in(0), "TensorListSetItem");
    check_item(before, k.in(2), "TensorListSetItem", "set");
    int64_t i = k.in(1).item<int32_t>();
    if (!grow || i < 0) index_in(before, i, "modify");
    Changed list(k, "TensorListSetItem");
    if (i >= int64_t(list->items.size())) list->items.resize(size_t(i) + 1);
    list->items[size_t(i)] = k.take(2);
    list.give();
  }
};

struct TensorListGetItem {
  static constexpr bool kGivesOutputs = true;
  DType dtype;
  explicit TensorListGetItem(const KernelInit& init) : dtype(init.attr<DType>("element_dtype")) {}
  void operator()(KernelContext& k) const {
    const TensorList& list = list_in(k.in(0), "TensorListGetItem");
    check_dtype(list, dtype, "TensorListGetItem");
    const Tensor& item = list.items[size_t(index_in(list, k.in(1).item<int32_t>(), "access"))];
    PartialShape wanted = shape_in(k.in(2));
    if (item) merged(wanted, item.shape(), "read an item");
    k.set_out(0, item ? item : zeros(dtype, item_shape(list, wanted)));
  }
};

struct ClearItem {
  static constexpr bool kGivesOutputs = true;
  void operator()(KernelContext& k) const {
    Changed list(k, "_TensorListClearItem");
    for (int32_t i : k.in(1).flat<int32_t>()) {
      if (i >= 0 && i < int64_t(list->items.size())) list->items[size_t(i)] = Tensor();
    }
    list.give();
  }
};

/// to += x for items that nobody else may see change.
void add_to(Tensor& to, const Tensor& x) {
  if (!to) {
    to = x;
    return;
  }
  if (to.dtype() == DType::variant) {
    TW_CHECK(to.size() == 1 && x.size() == 1, "only single lists are added");
    to = handle(sum_of_lists(list_in(to, "AddN"), list_in(x, "AddN")));
    return;
  }
  TW_CHECK(to.shape() == x.shape(), "Tried to add items with different shapes: ", to.shape(), " and ", x.shape());
  Tensor sum = to.unique() && !to.buffer()->reused() ? to : Tensor(to.dtype(), to.shape());
  visit<kNumeric>(to.dtype(), [&]<class T>() {
    const T *a = to.ptr<T>(), *b = x.ptr<T>();
    T* y = sum.ptr<T>();
    for (int64_t i = 0, n = sum.size(); i < n; ++i) y[i] = T(math::add(Compute<T>(a[i]), Compute<T>(b[i])));
  });
  to = std::move(sum);
}

struct AddItem {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  void operator()(KernelContext& k) const {
    check_item(list_in(k.in(0), "_TensorListAddItem"), k.in(2), "_TensorListAddItem", "add");
    int64_t i = k.in(1).item<int32_t>();
    Changed list(k, "_TensorListAddItem");
    add_to(list->items[size_t(index_in(*list, i, "modify"))], k.take(2));
    list.give();
  }
};

/// Items from..., each at its place in one tensor of `count` of them.
void join(KernelContext& k, const TensorList& list, const std::vector<int64_t>& places, PartialShape wanted,
          DType dtype) {
  wanted = merged(list.element_shape, wanted, "stack a list");
  for (int64_t i : places) {
    if (const Tensor& t = list.items[size_t(i)]) wanted = merged(wanted, t.shape(), "stack items");
  }
  TW_CHECK(wanted.fully_known(),
           places.empty() ? "Tried to stack an empty list"
                          : "Tried to stack a list which only "
                            "contains uninitialized tensors",
           " and has a non-fully-defined element_shape: ", wanted);
  Shape item = wanted.shape(), all{int64_t(places.size())};
  for (int64_t d : item.dims()) all.push_back(d);
  Tensor& out = k.out(0, all);
  if (dtype == DType::string) {
    for (size_t i = 0; i < places.size(); ++i) {
      const Tensor& t = list.items[size_t(places[i])];
      auto* to = out.ptr<std::string>() + int64_t(i) * item.size();
      if (t) std::copy_n(t.ptr<std::string>(), item.size(), to);
    }
    return;
  }
  TW_CHECK(kPlain.has(dtype), "items of type ", name_of(dtype), " cannot be stacked");
  size_t bytes = size_t(item.size()) * size_of(dtype);
  char* base = static_cast<char*>(out.data());
  k.parallel_for(int64_t(places.size()), 20 + 0.1 * double(bytes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Tensor& t = list.items[size_t(places[size_t(i)])];
      if (!t) {
        std::memset(base + size_t(i) * bytes, 0, bytes);
      } else if (bytes) {
        std::memcpy(base + size_t(i) * bytes, t.data(), bytes);
      }
    }
  });
}

std::vector<int64_t> all_of(const TensorList& list) {
  std::vector<int64_t> places(list.items.size());
  std::iota(places.begin(), places.end(), 0);
  return places;
}

struct TensorListStack {
  DType dtype;
  int64_t count;
  explicit TensorListStack(const KernelInit& init)
      : dtype(init.attr<DType>("element_dtype")), count(init.attr<int64_t>("num_elements")) {}
  void operator()(KernelContext& k) const {
    const TensorList& list = list_in(k.in(0), "TensorListStack");
    check_dtype(list, dtype, "TensorListStack");
    TW_CHECK(count < 0 || count == int64_t(list.items.size()), "Operation expected a list with ", count,
             " elements but got a list with ", list.items.size(), " elements.");
    join(k, list, all_of(list), shape_in(k.in(1)), dtype);
  }
};

struct TensorListGather {
  DType dtype;
  explicit TensorListGather(const KernelInit& init) : dtype(init.attr<DType>("element_dtype")) {}
  void operator()(KernelContext& k) const {
    const TensorList& list = list_in(k.in(0), "TensorListGather");
    check_dtype(list, dtype, "TensorListGather");
    std::vector<int64_t> places;
    for (int32_t i : k.in(1).flat<int32_t>()) places.push_back(index_in(list, i, "access"));
    join(k, list, places, shape_in(k.in(2)), dtype);
  }
};

/// Rows [from, to) of x as a tensor of its own.
Tensor piece(const Tensor& x, int64_t from, int64_t to, const Shape& shape) {
  Tensor rows = x.rows(from, to);
  if (!x.buffer()->reused()) return rows.reshaped(shape);
  return rows.clone().reshaped(shape);
}

Shape row_shape(const Tensor& x) {
  TW_CHECK(x.rank() > 0, "Tensor must be at least a vector, but saw shape: ", x.shape());
  return Shape(x.shape().dims().subspan(1));
}

struct TensorListFromTensor {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  void operator()(KernelContext& k) const {
    TensorList list{k.in(0).dtype(), shape_in(k.in(1))};
    Shape row = row_shape(k.in(0));
    TW_CHECK(list.element_shape.compatible(row), "Specified a list with shape ", list.element_shape,
             " from a tensor with shape ", row);
    Tensor x = k.take(0);
    for (int64_t i = 0; i < x.dim(0); ++i) list.items.push_back(piece(x, i, i + 1, row));
    k.set_out(0, handle(std::move(list)));
  }
};

struct TensorListScatterV2 {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  void operator()(KernelContext& k) const {
    TensorList list{k.in(0).dtype(), shape_in(k.in(2))};
    Shape row = row_shape(k.in(0));
    TW_CHECK(list.element_shape.compatible(row), "Specified a list with shape ", list.element_shape,
             " from a tensor with shape ", row);
    std::span<const int32_t> places = k.in(1).flat<int32_t>();
    TW_CHECK(int64_t(places.size()) == k.in(0).dim(0),
             "Invalid number of rows in input tensor. Expected: ", places.size(), " Actual: ", k.in(0).dim(0));
    int64_t n = k.in(3).item<int32_t>();
    TW_CHECK(n >= -1, "TensorListScatter expects num_elements >= -1, found: ", n);
    for (int32_t p : places) {
      TW_CHECK(p >= 0, "Indices in TensorListScatter must all be non-negative.");
      TW_CHECK(n == -1 || p < n, "TensorListScatter: Trying to scatter at index ", p, " in list with size ", n);
      if (n == -1 && p >= int64_t(list.items.size())) list.items.resize(size_t(p) + 1);
    }
    if (n >= 0) list.items.resize(size_t(n));
    std::vector<int32_t> kept(places.begin(), places.end());
    Tensor x = k.take(0);
    for (size_t i = 0; i < kept.size(); ++i) {
      list.items[size_t(kept[i])] = piece(x, int64_t(i), int64_t(i) + 1, row);
    }
    k.set_out(0, handle(std::move(list)));
  }
};

struct TensorListScatterIntoExistingList {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  void operator()(KernelContext& k) const {
    const TensorList& before = list_in(k.in(0), "TensorListScatterIntoExistingList");
    check_dtype(before, k.in(1).dtype(), "TensorListScatterIntoExistingList");
    Shape row = row_shape(k.in(1));
    TW_CHECK(before.element_shape.compatible(row), "Specified a list with shape ", before.element_shape,
             " from a tensor with shape ", row);
    std::vector<int32_t> places(k.in(2).flat<int32_t>().begin(), k.in(2).flat<int32_t>().end());
    TW_CHECK(int64_t(places.size()) == k.in(1).dim(0),
             "Invalid number of rows in input tensor. Expected: ", places.size(), " Actual: ", k.in(1).dim(0));
    Changed list(k, "TensorListScatterIntoExistingList");
    Tensor x = k.take(1);
    for (size_t i = 0; i < places.size(); ++i) {
      TW_CHECK(places[i] >= 0, "Indices in TensorListScatter must all be non-negative.");
      if (size_t(places[i]) >= list->items.size()) list->items.resize(size_t(places[i]) + 1);
      list->items[size_t(places[i])] = piece(x, int64_t(i), int64_t(i) + 1, row);
    }
    list.give();
  }
};

struct TensorListConcatV2 {
  DType dtype;
  explicit TensorListConcatV2(const KernelInit& init) : dtype(init.attr<DType>("element_dtype")) {}
  void operator()(KernelContext& k) const {
    const TensorList& list = list_in(k.in(0), "TensorListConcatV2");
    check_dtype(list, dtype, "TensorListConcatV2");
    PartialShape wanted = merged(list.element_shape, shape_in(k.in(1)), "concat a list");
    PartialShape row;
    if (wanted.known_rank()) {
      TW_CHECK(wanted.rank() > 0, "Concat requires elements to be at least vectors, found scalars instead.");
      row = PartialShape(wanted.dims().subspan(1));
    }
    for (const Tensor& t : list.items) {
      if (!t) continue;
      TW_CHECK(t.rank() > 0, "Concat requires elements to be at least vectors, found scalars instead.");
      row = merged(row, PartialShape(t.shape().dims().subspan(1)), "concat items");
    }
    TW_CHECK(row.fully_known(),
             "All except the first dimension must be fully defined when concating an empty tensor "
             "list. element_shape: ",
             wanted);
    Tensor& lengths = k.out(1, Shape{int64_t(list.items.size())});
    std::span<const int64_t> leading = k.in(2).flat<int64_t>();
    int64_t total = 0;
    for (size_t i = 0; i < list.items.size(); ++i) {
      const Tensor& t = list.items[i];
      int64_t n = t ? t.dim(0) : i < leading.size() ? leading[i] : wanted.known_rank() ? wanted[0] : -1;
      TW_CHECK(n >= 0, "List contains uninitialized tensor at index ", i, " but leading_dims has only ", leading.size(),
               " elements.");
      lengths.ptr<int64_t>()[i] = n;
      if (__builtin_add_overflow(total, n, &total)) TW_FAIL(InvalidArgument, "leading_dims has a sum beyond 2^63");
    }
    Shape shape{total};
    for (int64_t d : row.dims()) shape.push_back(d);
    Tensor& out = k.out(0, shape);
    int64_t at = 0;
    for (size_t i = 0; i < list.items.size(); ++i) {
      const Tensor& t = list.items[i];
      int64_t n = lengths.ptr<int64_t>()[i];
      Tensor to = out.rows(at, at + n);
      at += n;
      if (dtype == DType::string) {
        if (t) std::copy_n(t.ptr<std::string>(), t.size(), to.ptr<std::string>());
      } else if (to.bytes()) {
        TW_CHECK(kPlain.has(dtype), "items of type ", name_of(dtype), " cannot be joined");
        t ? std::memcpy(to.data(), t.data(), to.bytes()) : std::memset(to.data(), 0, to.bytes());
      }
    }
  }
};

struct TensorListSplit {
  static constexpr bool kGivesOutputs = true, kKeepsInputs = true;
  void operator()(KernelContext& k) const {
    TensorList list{k.in(0).dtype(), shape_in(k.in(1))};
    Shape shape = k.in(0).shape();
    TW_CHECK(shape.rank() > 0, "Tensor must be at least a vector, but saw shape: ", shape);
    std::vector<int64_t> lengths(k.in(2).flat<int64_t>().begin(), k.in(2).flat<int64_t>().end());
    int64_t at = 0;
    for (int64_t n : lengths) {
      TW_CHECK(n >= 0, "Invalid value in lengths: ", n);
      if (__builtin_add_overflow(at, n, &at)) TW_FAIL(InvalidArgument, "lengths has a sum beyond 2^63");
    }
    TW_CHECK(at == shape[0], at < shape[0] ? "Unused values in tensor. " : "Attempting to slice past the end. ",
             "Length of tensor: ", shape[0], " Values used: ", at);
    Tensor x = k.take(0);
    at = 0;
    for (int64_t n : lengths) {
      Shape part = shape;
      part.set(0, n);
      TW_CHECK(list.element_shape.compatible(part), "tensor shape ", part, " is not compatible with element_shape ",
               list.element_shape);
      list.items.push_back(piece(x, at, at + n, part));
      at += n;
    }
    k.set_out(0, handle(std::move(list)));
  }
};

struct TensorListResize {
  static constexpr bool kGivesOutputs = true;
  void operator()(KernelContext& k) const {
    int64_t n = k.in(1).item<int32_t>();
    TW_CHECK(n >= 0, "TensorListSlice expects size to be non-negative. Got: ", n);
    Changed list(k, "TensorListResize");
    list->items.resize(size_t(n));
    list.give();
  }
};

}  // namespace

TensorList sum_of_lists(const TensorList& a, const TensorList& b) {
  TW_CHECK(a.dtype == b.dtype, "Trying to add two lists of tensors of different dtypes. One is ", name_of(a.dtype),
           " and the other is ", name_of(b.dtype));
  TW_CHECK(a.items.size() == b.items.size(), "Trying to add two lists of tensors with different lengths. One is ",
           a.items.size(), " and the other is ", b.items.size());
  TensorList out = a;
  out.element_shape = merged(a.element_shape, b.element_shape, "add a list");
  for (size_t i = 0; i < out.items.size(); ++i) {
    if (b.items[i]) add_to(out.items[i], b.items[i]);
  }
  return out;
}

TensorList zeros_of_list(const TensorList& list) {
  TensorList out{list.dtype, list.element_shape};
  out.items.resize(list.items.size());
  for (size_t i = 0; i < list.items.size(); ++i) {  // the shape is all that is left of a value
    const Tensor& t = list.items[i];
    if (!t) continue;
    if (t.dtype() == DType::variant) {
      out.items[i] = handle(zeros_of_list(list_in(t, "ZerosLike")));
    } else if (!list.element_shape.fully_known()) {
      out.items[i] = zeros(t.dtype(), t.shape());
    }
  }
  return out;
}

void register_list(KernelRegistry& r) {
  r.add<EmptyTensorList>("EmptyTensorList", kCpu);
  r.add<TensorListReserve>("TensorListReserve", kCpu);
  r.add<TensorListPushBack>("TensorListPushBack", kCpu);
  r.add<TensorListPopBack>("TensorListPopBack", kCpu);
  r.add<TensorListLength>("TensorListLength", kCpu);
  r.add<TensorListElementShape>("TensorListElementShape", kCpu);
  r.add<TensorListSetItem>("TensorListSetItem", kCpu);
  r.add<TensorListGetItem>("TensorListGetItem", kCpu);
  r.add<TensorListStack>("TensorListStack", kCpu);
  r.add<TensorListFromTensor>("TensorListFromTensor", kCpu);
  r.add<TensorListGather>("TensorListGather", kCpu);
  r.add<TensorListScatterV2>("TensorListScatterV2", kCpu);
  r.add<TensorListScatterIntoExistingList>("TensorListScatterIntoExistingList", kCpu);
  r.add<TensorListConcatV2>("TensorListConcatV2", kCpu);
  r.add<TensorListSplit>("TensorListSplit", kCpu);
  r.add<TensorListResize>("TensorListResize", kCpu);
  r.add<AddItem>("_TensorListAddItem", kCpu);
  r.add<ClearItem>("_TensorListClearItem", kCpu);
}

}  // namespace thalweg::kernels
