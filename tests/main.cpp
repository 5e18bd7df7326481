// The entry point of every test executable. It exits with 77, which ctest shows as skipped, where nothing could be
// tested: no GPU for the tests of one, or every case skipped for want of its data.
#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#ifdef ANSER_TEST_NEEDS_GPU
#include <cuda_runtime_api.h>
#endif

namespace {

constexpr int skipped = 77;

bool start() {
  boost::unit_test::framework::master_test_suite().p_name.value = "anser";
  return true;
}

bool nothing_ran() {
  namespace ut = boost::unit_test;
  const auto& all = ut::results_collector.results(ut::framework::master_test_suite().p_id);
  return all.p_test_cases_passed == 0 && all.p_test_cases_warned == 0 && all.p_test_cases_failed == 0 &&
         all.p_test_cases_aborted == 0 && all.p_test_cases_skipped > 0;
}

}  // namespace

int main(int argc, char** argv) {
#ifdef ANSER_TEST_NEEDS_GPU
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    std::printf("skipped: no GPU can be used here (%s)\n", cudaGetErrorString(status));
    return skipped;
  }
#endif
  const int status_of_run = boost::unit_test::unit_test_main(&start, argc, argv);
  return status_of_run == 0 && nothing_ran() ? skipped : status_of_run;
}
