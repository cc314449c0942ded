// A Session runs parts of a graph: it keeps variables, plans and threads. All of it may be used from several threads at
// once.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "thalweg/graph/out.h"
#include "thalweg/passes/fuse.h"
#include "thalweg/runtime/cost.h"
#include "thalweg/runtime/executor.h"
#include "thalweg/runtime/library.h"
#include "thalweg/runtime/memory_plan.h"
#include "thalweg/runtime/variable_homes.h"

namespace thalweg {

struct SessionOptions {
  bool allow_soft_placement = false;
  bool log_device_placement = false;  // one line per node on stderr: "add: (AddV2): /job:.../device:CPU:0"
  int cpu_devices = 1;                // virtual CPU devices
  int gpu_devices = -1;               // -1: all there are
  int threads = 0;                    // 0: the process's pool; 1: the calling thread alone
  bool optimize = true;               // constants folded, common subexpressions merged, steps fused
};

class Session;

/// A plan and its memory for feeds of certain shapes.
struct Prepared {
  std::shared_ptr<Plan> plan;
  std::shared_ptr<Layout> layout;
};

/// One signature of a session, ready to be called again and again. Must not outlive its session or graph.
///
/// The first shapes that are fed get a plan of their own each, in which everything that follows from them is settled;
/// a program that feeds ever new shapes goes on with one plan for all, whose layouts come and go.
class THALWEG_API Runner {
 public:
  /// `feeds` in the order given to prepare(). Results are the caller's own: nothing in the session shares their memory.
  std::vector<Tensor> run(std::span<const Tensor> feeds, const RunControl& control = {});
  /// A run as a part of another: results may share memory with the feeds, which are given up as the run goes on.
  void call(std::span<Tensor> feeds, std::vector<Tensor>& results, const RunControl& control);

  /// Results may from here on share memory with feeds, constants and variables, for callers that never write to them.
  void share_results() { shares_results_ = true; }

  /// The steps of a run with feeds of these shapes, and what memory it holds; known before any run.
  std::vector<StepInfo> steps(std::span<const Shape> feed_shapes);
  MemoryPlan memory_plan(std::span<const Shape> feed_shapes);
  /// Bytes of arena that the last run needed: what a run holds besides feeds, fetches, constants and variables.
  size_t arena_bytes() const;
  const std::vector<Endpoint>& feeds() const { return feeds_; }
  const std::vector<Endpoint>& fetches() const { return fetches_; }

 private:
  friend class Session;
  Runner(Session& session, const Graph& graph, std::vector<Endpoint> feeds, std::vector<Endpoint> fetches,
         std::vector<Node*> targets, std::string path = "")
      : session_(session),
        graph_(graph),
        path_(std::move(path)),
        feeds_(std::move(feeds)),
        fetches_(std::move(fetches)),
        targets_(std::move(targets)) {}
  /// The plan and layout for feeds of these shapes; built if there is none yet.
  Prepared prepared(std::span<const Shape> feed_shapes);
  /// What the last run used if these feeds fit it, else `found`, which is made to fit.
  const Prepared& prepared(std::span<const Tensor> feeds, Prepared& found);

  Session& session_;
  const Graph& graph_;      // the session's, or a function's
  const std::string path_;  // of a function: where it is called
  std::vector<Endpoint> feeds_, fetches_;
  std::vector<Node*> targets_;
  bool shares_results_ = false;
  // What the last run used, without a lock. Points into `own_`, whose elements stay as long as the runner.
  std::atomic<const Prepared*> latest_{nullptr};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Prepared>> own_;  // a plan for each of the first shapes
  std::shared_ptr<Plan> general_;               // for all others
};

class THALWEG_API Session {
 public:
  Session(const Graph& graph, const Library& library, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  std::shared_ptr<Runner> prepare(std::vector<Endpoint> feeds, std::vector<Endpoint> fetches,
                                  std::vector<Node*> targets = {});
  /// A runner over a function's graph, which must outlive it.
  std::shared_ptr<Runner> prepare_function(const GraphFunction& f, std::vector<Endpoint> fetches, std::string path);
  /// For C++ users: session.run({{x, value}}, {y}, {train}). The signature's plan is kept.
  std::vector<Tensor> run(const std::vector<std::pair<Out, Tensor>>& feeds, const Outs& fetches,
                          const Outs& targets = {});

  const std::vector<Device*>& devices() const { return devices_; }
  const Graph& graph() const { return graph_; }
  SessionState& state() { return state_; }
  /// Makes runs in progress stop at their next step, and later ones fail with Cancelled.
  void cancel() { cancelled_ = true; }

 private:
  friend class Runner;
  /// A plan for feeds of `feed_shapes`, or, where these are not given, for feeds of any shapes.
  std::shared_ptr<Plan> build(const Runner& r, std::span<const Shape> feed_shapes);

  FuseOptions fuse_options() const;

  const Graph& graph_;
  const Library& library_;
  SessionOptions options_;
  std::vector<Device*> devices_;
  VariableHomes homes_;
  SessionState state_;
  std::unique_ptr<ThreadPool> own_pool_;
  ThreadPool* pool_;
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<Runner>> runners_;  // of run(), most recently used last
  std::mutex log_mutex_;
  std::set<std::string> logged_;  // names of nodes
};

}  // namespace thalweg
