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

BOOST_AUTO_TEST_CASE(lines_of_others_are_named) {
  const io_test::Folder folder;
  const std::string path = folder.path("metrics.jsonl");
  folder.write("metrics.jsonl", "{\"step\": 1, \"loss\": 2}\n{\"epoch\": 1}\n");
  CHECK_SAYS(Metrics(path, 3), "metrics.jsonl:1");
  folder.write("metrics.jsonl", "no json\n");
  CHECK_SAYS(Metrics(path, 3), "metrics.jsonl:1");
  CHECK_SAYS(Metrics(folder.path("absent/metrics.jsonl") + "/x", 3), "absent");
}

}  // namespace anser::test
