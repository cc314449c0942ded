#include "thalweg/core/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace thalweg {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

/// CPUs that the two numbers (or "max") of a quota and its period allow.
double ratio(const std::string& quota, double period) {
  double q = std::atof(quota.c_str());
  return quota != "max" && q > 0 && period > 0 ? q / period : kNoQuota;
}

/// cpu.max (version 2) or cpu.cfs_quota_us and cpu.cfs_period_us (version 1) in one folder.
double quota_in(const std::string& folder) {
  std::string quota;
  double period = 0;
  if (std::ifstream v2(folder + "/cpu.max"); v2 >> quota >> period) return ratio(quota, period);
  std::ifstream v1(folder + "/cpu.cfs_quota_us"), v1_period(folder + "/cpu.cfs_period_us");
  return v1 >> quota && v1_period >> period ? ratio(quota, period) : kNoQuota;
}

/// The least quota of `group` and the groups above it. Inside a container the names may not resolve: only the root
/// does.
double quota_of(const std::string& root, std::string group) {
  double least = quota_in(root);
  while (group.size() > 1) {
    least = std::min(least, quota_in(root + group));
    group.resize(std::min(group.rfind('/'), group.size()));
  }
  return least;
}

}  // namespace

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  double cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : std::thread::hardware_concurrency();
  std::ifstream groups("/proc/self/cgroup");  // lines of hierarchy:controllers:group; no controllers in version 2
  for (std::string line; std::getline(groups, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",", group = line.substr(second + 1);
    if (controllers == ",,") cpus = std::min(cpus, quota_of("/sys/fs/cgroup", group));
    if (controllers.find(",cpu,") != controllers.npos) cpus = std::min(cpus, quota_of("/sys/fs/cgroup/cpu", group));
  }
  return std::max(int(std::ceil(cpus)), 1);
}

}  // namespace thalweg
