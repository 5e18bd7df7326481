#include <anser/cpu.hpp>
#include <anser/train/adafactor.hpp>
#include <anser/train/adamw.hpp>
#include <anser/train/plan.hpp>
#include <filesystem>
#include <fstream>

#include "../golden.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(plan_hpp)

using B = Cpu<float>;

auto says(std::string words) {
  return [words](const Error& e) { return std::string(e.what()).find(words) != std::string::npos; };
}

/// A small T5 of drawn weights on a device of its own, whose memory nobody else takes.
struct Training {
  B on;
  std::unique_ptr<T5Model<B>> model;
  std::vector<Parameter<B>> learning;
  std::vector<Expert> experts;

  /// `joint`: a pool of eight experts with routed rows instead of one new expert.
  Training(bool lora, bool packed, bool joint = false) {
    const auto files = ModelDirectory::open(golden("v1_1"));
    model = std::make_unique<T5Model<B>>(on, read_config(*files));
    model->load(*files);
    if (joint) {
      experts = load_pool(golden("pool/even")).experts;
      attach<B, Lora, PhatGoose>(*model, experts, {}, PhatGoose{2});
    } else if (lora) {
      std::vector<Site> sites;
      model->each_site([&](const Site& s, const auto&) { sites.push_back(s); });
      experts.push_back(create_expert("one", sites, Lora{.rank = 4, .alpha = 8}, Random{7, 1}));
      attach<B, Lora, Uniform>(*model, experts);
      // B is zero in a new expert, and half of the gradients with it.
      experts_of (*model)([&](const std::string&, Real<B>& t) {
        if (t.cols() == 4) t.assign(std::vector<float>(t.shape().size(), 0.03f));
      });
    }
    if (packed) model->pack();
    learning = learn_only<B>(Pattern(".*"), [&](const auto& leaf) {
      if (lora)
        experts_of (*model)(leaf);
      else
        walk(*model, leaf);
    });
  }

  Real<B> loss(const Context<B>& cx, bool checkpointing, int i = 0) const {
    Batch<B> batch;
    batch.training = true;  // with the model's dropout
    batch.random = Random{3, std::uint64_t(i)};
    batch.checkpointing = checkpointing;
    std::vector<std::vector<std::int32_t>> inputs, targets;
    for (int b = 0; b < 4; ++b) {
      inputs.emplace_back(std::size_t(17 + b + i), 5 + b);
      targets.emplace_back(std::size_t(9 + b), 20 + b);
    }
    auto session = model->encode(cx, Tokens::pad(inputs, 0), batch);
    return mean_loss(cx, *model, session, Tokens::pad(targets, 0));
  }
  struct Seen {
    std::vector<float> loss;
    std::vector<std::vector<float>> gradients;
    std::size_t peak = 0;
  };
  Seen gradients(bool checkpointing) {
    Seen seen;
    on.reset_peak();
    Tape tape;
    const auto l = loss({on, &tape}, checkpointing);
    seen.loss = l.host();
    tape.backward<B>(l);
    seen.peak = on.memory().peak;
    for (const auto& p : learning) seen.gradients.push_back(p.value.host_grad());
    walk(*model, [](const std::string& name, auto& t) { BOOST_TEST(t.has_grad() == t.needs_grad(), name); });
    release_gradients(learning);
    return seen;
  }
};

struct Case {
  bool lora, packed, joint = false;
};
const Case cases[] = {{false, false}, {true, false}, {true, true}, {true, true, true}};

BOOST_AUTO_TEST_CASE(checkpointing_gives_the_same_gradients_in_less_memory) {
  for (const Case& c : cases) {
    Training t(c.lora, c.packed, c.joint);
    BOOST_TEST(t.model->config().dropout > 0);
    const auto whole = t.gradients(false), again = t.gradients(true);
    BOOST_TEST((whole.loss == again.loss));
    BOOST_TEST_REQUIRE(whole.gradients.size() == again.gradients.size());
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < whole.gradients.size(); ++i) {
      BOOST_TEST((whole.gradients[i] == again.gradients[i]), t.learning[i].name);
      zeros += whole.gradients[i] == std::vector<float>(whole.gradients[i].size());
    }
    BOOST_TEST((c.joint || zeros == 0u));  // an expert may not be heard at a site
    BOOST_TEST(again.peak < whole.peak);
  }
}

template <class O>
void check_plan(const Case& c, bool checkpointing, O options, int accumulate = 1) {
  Training t(c.lora, c.packed, c.joint);
  Fit<B, O> fit(options, t.learning, {Schedule::Kind::constant, 1e-3});
  fit.accumulate = accumulate;
  const auto loss = [&](const Context<B>& cx, int i) { return t.loss(cx, checkpointing, i); };
  const auto before = t.learning[0].value.host();
  const auto plan = plan_step(fit, loss);
  BOOST_TEST(t.on.memory().dry == 0u);
  BOOST_TEST(fit.optimizer.steps == 0);
  BOOST_TEST((t.learning[0].value.host() == before));
  for (int step = 0; step < 2; ++step) {
    t.on.reset_peak();
    BOOST_TEST(t.on.memory().live == plan.live);
    const auto report = fit.step(loss);
    BOOST_TEST(report.step == step + 1);
    BOOST_TEST(report.loss > 0);
    BOOST_TEST(t.on.memory().peak == plan.peak());
  }
  BOOST_TEST(plan.step > 0u);
  BOOST_TEST((t.learning[0].value.host() != before));
}

BOOST_AUTO_TEST_CASE(the_planned_peak_is_the_step_s) {
  for (const Case& c : cases)
    for (const bool checkpointing : {false, true}) check_plan(c, checkpointing, AdamW{});
  check_plan(cases[0], true, Adafactor{}, 3);
}

// The plan is of what lies there and what comes; with it as the limit nothing more is held from step to step.
BOOST_AUTO_TEST_CASE(steps_stay_within_the_plan) {
  Training t(true, true);
  Fit<B, AdamW> fit(AdamW{}, t.learning, {Schedule::Kind::constant, 1e-3});
  const auto plan = plan_step(fit, [&](const Context<B>& cx, int) { return t.loss(cx, false, 9); });
  t.on.limit_memory(plan.peak());
  for (int step = 0; step < 10; ++step) {
    fit.step([&](const Context<B>& cx, int) { return t.loss(cx, false, step); });
    const auto use = t.on.memory();
    BOOST_TEST(use.live == plan.live);
    BOOST_TEST(use.live + use.kept <= plan.peak());
    BOOST_TEST(use.peak <= plan.peak());
  }
}

BOOST_AUTO_TEST_CASE(what_fails_dry_fails_and_leaves_the_device_as_it_was) {
  Training t(true, true);
  Fit<B, AdamW> fit(AdamW{}, t.learning, {Schedule::Kind::constant, 1e-3});
  fit.optimizer.steps = 4;
  BOOST_CHECK_EXCEPTION(plan_step(fit, [](const Context<B>&, int) -> Real<B> { fail("no such batch"); }), Error,
                        says("no such batch"));
  BOOST_TEST(!t.on.dry());
  BOOST_TEST(fit.optimizer.steps == 4);
  Real<B> kept;
  BOOST_CHECK_EXCEPTION(plan_memory(t.on,
                                    [&] {
                                      kept = Real<B>(t.on, {10, 10});
                                      kept.data();
                                    }),
                        Error, says("leaves 448 bytes of results behind"));
}

BOOST_AUTO_TEST_CASE(too_much_is_refused_with_advice) {
  const MemoryPlan plan{std::size_t(3) << 30, std::size_t(5) << 29};
  BOOST_TEST(describe(plan, 0) == "a step takes 2.5 GiB of memory beyond the 3.0 GiB of weights and optimizer");
  refuse_where_too_much(plan, 0);
  refuse_where_too_much(plan, plan.step);
  BOOST_CHECK_EXCEPTION(refuse_where_too_much(plan, plan.step - (std::size_t(1) << 29)), Error, [](const Error& e) {
    const std::string what = e.what();
    return what.find("2.5 GiB") != std::string::npos && what.find("2.0 GiB are available") != std::string::npos &&
           what.find("--micro-batch") != std::string::npos && what.find("--checkpointing") != std::string::npos;
  });
  BOOST_TEST(show_bytes(0) == "0 bytes");
  BOOST_TEST(show_bytes(999) == "999 bytes");
  BOOST_TEST(show_bytes(1536) == "1.5 KiB");
  BOOST_TEST(show_bytes(std::size_t(300) << 20) == "300 MiB");
}

/// A tree of /proc and /sys.
struct System {
  std::filesystem::path root;
  System() {
    root = std::filesystem::temp_directory_path() / ("anser_plan_" + std::to_string(std::uintptr_t(this)));
    std::filesystem::remove_all(root);
  }
  ~System() { std::filesystem::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  std::size_t available() const { return available_host_memory(root.string()); }
};

BOOST_AUTO_TEST_CASE(what_the_system_has_is_read) {
  const System s;
  BOOST_TEST(s.available() == 0u);
  s.write("proc/meminfo", "MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\nBuffers: 1 kB\n");
  BOOST_TEST(s.available() == 4000u * 1024);
  // Version 2: the group itself has no limit, the one above it has.
  s.write("proc/self/cgroup", "0::/a/b\n");
  s.write("sys/fs/cgroup/a/b/memory.max", "max\n");
  BOOST_TEST(s.available() == 4000u * 1024);
  s.write("sys/fs/cgroup/a/memory.max", "1000000\n");
  s.write("sys/fs/cgroup/a/memory.current", "600000\n");
  s.write("sys/fs/cgroup/a/memory.stat", "anon 500000\nfile 100000\ninactive_file 50000\n");
  BOOST_TEST(s.available() == 450000u);
  s.write("sys/fs/cgroup/a/b/memory.max", "200000\n");
  s.write("sys/fs/cgroup/a/b/memory.current", "300000\n");
  BOOST_TEST(s.available() == 1u);  // nothing, and known
  BOOST_TEST(available_memory(B{}) > 0u);
}

BOOST_AUTO_TEST_CASE(older_control_groups_are_read) {
  const System s;
  s.write("proc/meminfo", "MemAvailable:    4000 kB\n");
  s.write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n1:name=systemd:/\n0::/\n");
  s.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  s.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "123456\n");
  BOOST_TEST(s.available() == 4000u * 1024);
  s.write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1000000\n");
  s.write("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "400000\n");
  s.write("sys/fs/cgroup/memory/x/memory.stat", "cache 5\ntotal_inactive_file 100000\n");
  BOOST_TEST(s.available() == 700000u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
