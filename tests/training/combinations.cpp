// Every module with every router: heard, trained for a step, written, and read again to the same bits.
#include <anser/backend/squad.hpp>
#include <anser/train.hpp>

#include <boost/mpl/list.hpp>

#include "../gradient.hpp"
#include "../io/temporary.hpp"

namespace anser::test {
namespace {

T5Config small_config() {
  T5Config c{.vocabulary = 14, .d_model = 16, .d_kv = 4, .d_ff = 24, .layers = 1};
  c.decoder_layers = 1;
  c.heads = 2;
  c.dropout = 0;
  c.validate("the test");
  return c;
}
template <Backend B>
struct Small {
  T5Model<B> model{device<B>(), small_config()};
  Small() { initialise(model, Random{1}); }
};

TokenBatch texts() {
  TokenBatch t;
  t.inputs = {{5, 6, 7, 1}, {8, 9, 1}, {10, 11, 12, 1}};
  t.targets = {{6, 5, 1}, {9, 8, 1}, {13, 1}};
  t.choices.resize(3);
  t.labels = {-1, -1, -1};
  t.tasks = t.places = {"", "", ""};
  return t;
}
/// All that any router asks for.
template <Backend B>
Batch<B> known(bool training) {
  Batch<B> b;
  b.training = training;
  b.random = Random{2, 1};
  b.task = {1, 0, 1};
  b.expert = {0, 1, -1};
  return b;
}

enum class Kind { fixed, reads_experts, one_expert, joint };
/// All of them: f(name, router, kind).
template <class F>
void each_router(F&& f) {
  f("none", None{}, Kind::fixed);
  f("single", Weights{{{"e1", 1.0}}}, Kind::fixed);
  f("uniform", Uniform{}, Kind::fixed);
  f("weights", Weights{{{"e0", 0.5}, {"e2", -0.25}}}, Kind::fixed);
  f("given: oracle, retrieval", Given{}, Kind::fixed);
  f("phatgoose", PhatGoose{}, Kind::fixed);
  f("average-activation", PhatGoose{.rows = PhatGoose::Rows::activations}, Kind::fixed);
  f("arrow", SpectR{.arrow = true}, Kind::reads_experts);
  f("spectr", SpectR{}, Kind::reads_experts);
  f("sigmoid-gate", SigmoidGate{}, Kind::one_expert);
  f("mean-input", MeanInput{}, Kind::one_expert);
  f("smear", Smear{}, Kind::joint);
  f("ensemble", Ensemble{}, Kind::joint);
  f("top1", Top1{}, Kind::joint);
  f("st-gumbel", StGumbel{}, Kind::joint);
  f("hash", Hash{}, Kind::joint);
  f("random", RandomRouter{}, Kind::joint);
  f("tag", Tag{{2, 0}, {}}, Kind::joint);
  f("reinforce", Reinforce{}, Kind::joint);
  f("dselect-k", DSelectK{}, Kind::joint);
  f("latent-skills", LatentSkills{.tasks = 2}, Kind::joint);
  f("adamix", AdaMix{}, Kind::joint);
}

void write(const std::string& folder, const Lora& m, std::vector<NamedTensor> t) {
  write_expert(folder, LoraDescription{.rank = m.rank, .alpha = m.alpha, .targets = Targets::parse("q,v,wo")},
               std::move(t));
}
void write(const std::string& folder, const Ia3&, std::vector<NamedTensor> t) {
  write_expert(folder, Ia3Description{Targets::parse("q,v,wo"), {"wo"}, ""}, std::move(t));
}
void write(const std::string& folder, const Adapter& m, std::vector<NamedTensor> t) {
  write_expert(folder, AdapterDescription{m.activation, ""}, std::move(t));
}

/// What an optimizer would have made of n new experts, with gates and mean activations at their sites.
template <class Module>
void write_pool(const std::string& folder, int n, const Module& module) {
  using B = Cpu<float>;
  Small<B> base;
  const auto sites =
      std::is_same_v<Module, Adapter> ? sublayers_of(base.model) : sites_of(base.model, Targets::parse("q,v,wo"));
  std::vector<Expert> experts;
  for (int e = 0; e < n; ++e) experts.push_back(create_expert("e" + std::to_string(e), sites, module, Random{3}));
  attach<B, Module, Uniform>(base.model, experts, module);
  std::uint64_t draw = 0;
  experts_of(base.model)([&](const std::string& name, Real<B>& t) {
    const double shift = name.find("ia3_l") != name.npos ? 1 : 0;
    std::vector<float> v;
    for (const double x : numbers(t.shape().size(), ++draw)) v.push_back(float(0.2 * x + shift));
    t.assign(v);
  });
  const auto parameters = learn_only<B>(Pattern(".*"), experts_of(base.model));
  for (const Expert& e : experts) {
    const std::string to = folder + '/' + e.name;
    std::filesystem::create_directories(to);
    write(to, module, expert_tensors(parameters, e.name));
    Written gates, activations;
    for (const Site& s : sites) {
      gates.add(s.name, tensor<B>(device<B>(), {s.in}, numbers(std::size_t(s.in), ++draw)), {s.in});
      activations.add(s.name, tensor<B>(device<B>(), {s.in}, numbers(std::size_t(s.in), ++draw)), {s.in});
    }
    write_gates(to, std::move(gates.tensors));
    write_safetensors(to + "/activations.safetensors", std::move(activations.tensors), {});
  }
}

template <Backend B>
std::vector<double> logits(const T5Model<B>& model) {
  const Context<B> cx{model.device()};
  const TokenBatch t = texts();
  auto session = model.encode(cx, Tokens::pad(t.inputs, 0), known<B>(false));
  return doubles(model.decode(cx, session, Tokens::pad(t.targets, 0), false).host());
}

/// Attaches the pool of a folder as users do.
template <Backend B, class Module, class R>
void hear(T5Model<B>& model, const std::string& folder, const Module& module, const R& router) {
  const Pool pool = load_pool(folder);
  check_against(pool, linears(model));
  attach(model, std::span<const Expert>(pool.experts), module, router);
  if (!std::is_same_v<R, None>) load_router(model, pool);
}

template <Backend B>
bool reached(const std::vector<Parameter<B>>& parameters, const std::string& part, bool& finite) {
  bool any = false;
  for (const auto& p : parameters) {
    if (!p.value.has_grad() || p.name.find(part) == p.name.npos) continue;
    for (const auto g : p.value.host_grad()) {
      any = any || g != 0;
      finite = finite && std::isfinite(double(g));
    }
  }
  return any;
}

template <Backend B, class Module, class R>
void check_combination(const std::string& name, const std::string& from, const Module& module, const R& router,
                       Kind kind) {
  BOOST_TEST_CONTEXT(name) {
    static const auto silent = logits(Small<B>().model);
    Small<B> first;
    attach(first.model, std::span<const Expert>(load_pool(from).experts), module, router);
    const auto before = logits(first.model);
    for (const double v : before) BOOST_TEST_REQUIRE(std::isfinite(v));
    constexpr bool nobody = std::is_same_v<R, None>;
    BOOST_TEST((before == silent) == nobody);

    // A step of training: whoever is heard learns, and the router where it has something to learn.
    const bool joint = kind == Kind::joint;
    const auto parameters = learn_only<B>(Pattern(joint ? ".*" : R"(.*\.(lora_A|lora_B|ia3_l|down|up|norm|gate)\..*)"),
                                          experts_of(first.model));
    Sgd::On<B> sgd({}, parameters);
    LossOptions loss;
    if constexpr (requires { R::consistent; }) loss.consistency = R::consistent;
    {
      Tape tape;
      const Context<B> cx{first.model.device(), &tape};
      tape.backward<B>(batch_loss(cx, first.model, texts(), known<B>(true), loss));
    }
    bool finite = true, learns = false;
    for (const char* part : {".lora_", ".ia3_l", ".down", ".up"}) learns = reached(parameters, part, finite) || learns;
    BOOST_TEST(learns == !nobody);
    const bool has_router = std::any_of(parameters.begin(), parameters.end(),
                                        [](const auto& p) { return p.name.find(".router.") != p.name.npos; });
    BOOST_TEST(reached(parameters, ".router.", finite) == has_router);
    BOOST_TEST(reached(parameters, ".gate.", finite) == (std::is_same_v<R, SigmoidGate>));
    BOOST_TEST(finite);
    const bool moves = !nobody && kind != Kind::reads_experts;  // rows that were read would be those of before
    if (moves) sgd.step(0.05);
    release_gradients(parameters);
    for (const auto& p : parameters) p.value.require_grad(false);
    const auto after = logits(first.model);
    BOOST_TEST((after != before) == moves);

    // Written, and read again.
    const io_test::Folder folder;
    std::vector<std::string> names;
    std::string list;
    for (const Expert& e : load_pool(from).experts) {
      names.push_back(e.name);
      list += e.name + '\n';
      const std::string to = folder.path() + '/' + e.name;
      std::filesystem::copy(from + '/' + e.name, to);
      std::filesystem::remove(to + "/adapter_model.safetensors");
      std::filesystem::remove(to + "/adapter_config.json");
      write(to, module, expert_tensors(parameters, e.name));
      if constexpr (std::is_same_v<R, SigmoidGate>) write_gates(to, gate_tensors(parameters, e.name));
    }
    if (joint)
      write_safetensors(folder.path() + "/router.safetensors", router_tensors(parameters, names), {{"experts", list}});
    Small<B> second;
    hear(second.model, folder.path(), module, router);
    const auto again = logits(second.model);
    BOOST_TEST((again == after), "off by " << distance(again, after));
  }
}

template <Backend B, class Module>
void check_module(const Module& module) {
  const io_test::Folder many, one;
  write_pool(many.path(), 3, module);
  write_pool(one.path(), 1, module);
  int combined = 0;
  each_router([&]<class R>(const char* name, const R& router, Kind kind) {
    if constexpr (Combines<Module, R>) {
      ++combined;
      check_combination<B>(name, kind == Kind::one_expert ? one.path() : many.path(), module, router, kind);
    }
  });
  BOOST_TEST(combined == (std::is_same_v<Module, Lora> ? 22 : std::is_same_v<Module, Ia3> ? 19 : 20));
}

using Both = boost::mpl::list<Cpu<float>, Squad<float>>;

}  // namespace

// What a router adds weighs as much whether a step is computed at once or in parts.
BOOST_AUTO_TEST_CASE(parts_of_a_step_count_as_the_whole) {
  using B = Cpu<float>;
  const io_test::Folder folder;
  write_pool(folder.path(), 3, Lora{});
  Small<B> first;
  attach(first.model, std::span<const Expert>(load_pool(folder.path()).experts), Lora{}, DSelectK{.entropy = 50});
  const auto some = [](std::size_t begin, std::size_t end) {
    TokenBatch t;
    for (std::size_t i = begin; i < end; ++i) {
      t.inputs.push_back({std::int32_t(5 + i), 6, std::int32_t(7 + i), 1});
      t.targets.push_back({std::int32_t(9 + i), 1});
    }
    t.choices.resize(end - begin);
    t.labels.assign(end - begin, -1);
    t.tasks.assign(end - begin, "");
    t.places = t.tasks;
    return t;
  };
  const auto loss = [&](const TokenBatch& t, int parts) {
    auto batch = known<B>(true);
    batch.parts = parts;
    return double(batch_loss({device<B>()}, first.model, t, batch, {}).host()[0]);
  };
  BOOST_CHECK_CLOSE(loss(some(0, 4), 1), (loss(some(0, 2), 2) + loss(some(2, 4), 2)) / 2, 1e-3);
  BOOST_TEST(loss(some(0, 4), 1) > loss(some(0, 4), 2) + 1);  // it is the routers' part that is watched
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_a_module_everybody_is_silent, B, Both) {
  const io_test::Folder many, one;
  write_pool(many.path(), 3, Lora{});
  write_pool(one.path(), 1, Lora{});
  const auto silent = logits(Small<B>().model);
  int combined = 0;
  each_router([&]<class R>(const char* name, const R& router, Kind kind) {
    if constexpr (Combines<NoModule, R>) {
      Small<B> heard;
      const auto experts = load_pool(kind == Kind::one_expert ? one.path() : many.path()).experts;
      attach(heard.model, std::span<const Expert>(experts), NoModule{}, router);
      BOOST_TEST((logits(heard.model) == silent), name);
      ++combined;
    }
  });
  BOOST_TEST(combined == 19);  // all but those that average parameters
}
BOOST_AUTO_TEST_CASE_TEMPLATE(every_router_with_lora, B, Both) { check_module<B>(Lora{.rank = 2, .alpha = 3}); }
BOOST_AUTO_TEST_CASE_TEMPLATE(every_router_with_ia3, B, Both) { check_module<B>(Ia3{}); }
BOOST_AUTO_TEST_CASE_TEMPLATE(every_router_with_adapters, B, Both) { check_module<B>(Adapter{.bottleneck = 2}); }

}  // namespace anser::test
