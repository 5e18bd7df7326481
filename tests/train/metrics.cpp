#include <anser/train/metrics.hpp>

#include "../gradient.hpp"
#include "../io/temporary.hpp"

namespace anser::test {
namespace {
Metric step(long long n) {
  Metric m;
  m.step = n;
  m.loss = 1.0 / double(n);
  m.norm = 2;
  m.rate = 0.125;
  m.tokens = 64;
  m.seconds = 0.5;
  return m;
}
Metric validation(long long n, double loss) {
  Metric m;
  m.step = n;
  m.validation = loss;
  return m;
}
}  // namespace

BOOST_AUTO_TEST_CASE(what_was_added_is_read_again_up_to_the_step) {
  const io_test::Folder folder;
  const std::string path = folder.path("metrics.jsonl");
  {
    Metrics m(path, 0);
    for (int i = 1; i <= 4; ++i) m.add(step(i));
    m.add(validation(4, 0.75));
    m.add(step(5));
  }
  folder.write("metrics.jsonl", io_test::read(path) + "{\"step\": 6, \"lo");  // cut while it was written
  {
    Metrics m(path, 4);
    BOOST_TEST(m.all().size() == 5);
    BOOST_TEST(m.all()[2].loss == 1.0 / 3, boost::test_tools::tolerance(1e-8));
    BOOST_TEST(m.all()[4].validation.value() == 0.75);
    BOOST_TEST(m.all()[3].tokens == 64);
    m.add(step(5));
  }
  BOOST_TEST(Metrics(path, 9).all().size() == 6);
  BOOST_TEST(Metrics(path, 0).all().empty());  // begins anew
  BOOST_TEST(io_test::read(path).empty());
}

BOOST_AUTO_TEST_CASE(a_damaged_log_is_no_reason_to_stop) {
  const io_test::Folder folder;
  const std::string path = folder.path("metrics.jsonl");
  { Metrics(path, 0).add(step(1)); }
  folder.write("metrics.jsonl",
               io_test::read(path) + "{\"epoch\": 1}\n{\"step\": 2, \"validation_loss\": 1, \"seconds\": 1}\n");
  BOOST_TEST(Metrics(path, 3).all().size() == 1);
  folder.write("metrics.jsonl", "no json\n");
  BOOST_TEST(Metrics(path, 3).all().empty());
  std::filesystem::remove(path);
  BOOST_TEST(Metrics(path, 3).all().empty());
  CHECK_SAYS(Metrics(folder.path("metrics.jsonl/x"), 0), "metrics.jsonl/x");
}

}  // namespace anser::test
