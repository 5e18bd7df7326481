// inspect, pool list, pool check and pool import.
#include "program.hpp"

using namespace program;
using anser::Safetensors;

BOOST_AUTO_TEST_CASE(inspect_knows_what_it_sees) {
  const auto says = [](const std::string& arguments, const std::string& words) {
    const auto text = run_well("inspect " + arguments);
    BOOST_TEST(text.find(words) != std::string::npos, "'" << words << "' is not in:\n" << text);
  };
  const std::string model = (demo() / "model").string(), pool = (demo() / "pool").string();
  says(model, "gated GELU");
  says(model, "640");
  says(model + "/model.safetensors", "shared.weight");
  says(model + "/model.safetensors --values", "not finite");
  says(model + "/spiece.model", "vocabulary of 620 pieces; pad 0, eos 1, unk 2");
  says(pool, "pool of 8 LORA experts, 8 of them with gates");
  says(pool + "/dates", "k,o,q,v,wi_0,wi_1,wo");
  says(pool + "/dates --values", "gate.safetensors");
  says(golden("v1_1"), anser::read_json(golden("v1_1/golden.json")).text("base_hash"));
  run_badly("inspect absent", 1, "absent: there is no such file or directory");
  write(scratch() / "notes.txt", "x");
  run_badly("inspect notes.txt", 1, "notes.txt");
  write(scratch() / "bad.safetensors", "x");
  run_badly("inspect bad.safetensors", 1, "bad.safetensors");
  fs::create_directories(scratch() / "empty");
  run_badly("inspect empty", 1, "neither a model");
  run_badly("inspect", 2, "required");
}

BOOST_AUTO_TEST_CASE(pools_are_listed_and_checked) {
  const std::string pool = (demo() / "pool").string(), model = (demo() / "model").string();
  const auto list = run_well("pool list " + pool);
  for (const std::string words : {"arithmetic", "weather", "LORA", "yes", "k,o,q,v,wi_0,wi_1,wo"})
    BOOST_TEST(list.find(words) != std::string::npos, words);
  BOOST_TEST(run_well("pool check " + pool).find("8 LORA experts, 8 with gates: no problems") != std::string::npos);
  run_well("pool check " + pool + " --model " + model + " --headers");
  BOOST_TEST(run_well("pool list " + golden("pool/mixed")).find("antonym") != std::string::npos);
  run_badly("pool check " + pool + " --model " + golden("v1_1"), 1, "8 problems, listed on stdout");
  run_badly("pool list absent", 1, "absent");
  run_badly("pool list " + pool + "/dates", 1, "is itself an expert");
}

BOOST_AUTO_TEST_CASE(a_head_that_the_configuration_promises_must_be_there) {
  fs::copy(golden("v1_1"), scratch() / "headless", fs::copy_options::recursive);
  const auto whole = Safetensors::open(golden("v1_1/model.safetensors"));
  std::vector<anser::NamedTensor> all;
  for (const auto& name : whole->names())
    if (name != "lm_head.weight") all.emplace_back(name, *whole->find(name));
  anser::write_safetensors((scratch() / "headless/model.safetensors").string(), all);
  run_badly("inspect headless", 1, "the tensor lm_head.weight is missing, and config.json says that there is one");
}

BOOST_AUTO_TEST_CASE(what_stops_a_pool_is_among_its_problems) {
  const auto first_of = [](const std::string& pool) {
    for (const auto& entry : fs::directory_iterator(golden(pool)))
      if (entry.is_directory()) return entry.path();
    return fs::path();
  };
  const auto problem = [](const std::string& words) {
    const auto r = run("pool check odd");
    BOOST_TEST(r.status == 1);
    BOOST_TEST(r.out.find(words) != std::string::npos, r.out + r.err);
    fs::remove_all(scratch() / "odd");
  };
  const fs::path odd = scratch() / "odd";
  write(odd / "broken" / "adapter_config.json", "{");
  problem("odd: none of the 1 experts loads");
  for (int i = 0; i < 5; ++i) write(odd / std::to_string(i) / "adapter_config.json", "{");
  problem("\nodd/4/adapter_config.json: ");
  fs::create_directories(odd);
  fs::copy(first_of("pool/even"), odd / "a", fs::copy_options::recursive);
  fs::copy(first_of("pool/smear"), odd / "b", fs::copy_options::recursive);
  write(odd / "c" / "adapter_config.json", "{");
  const auto mixed = run("pool check odd").out;
  BOOST_TEST(mixed.starts_with("odd/c/adapter_config.json: "), mixed);
  problem("odd: a is LORA and b is ANSER_ADAPTER");
  fs::create_directories(odd);
  fs::copy(first_of("pool/even"), odd / "bad\xFF", fs::copy_options::recursive);
  problem("its name is not valid UTF-8");
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_are_never_written) {
  fs::copy(demo() / "model", scratch() / "unfinite", fs::copy_options::recursive);
  auto weights = read(scratch() / "unfinite/model.safetensors");
  for (std::size_t i = weights.size() / 2 / 4 * 4; i + 4 <= weights.size(); i += 4)
    weights.replace(i, 4, std::string("\x00\x00\xc0\x7f", 4));
  write(scratch() / "unfinite/model.safetensors", weights);
  write(scratch() / "one.jsonl", "{\"input\": \"a\", \"target\": \"b\", \"choices\": [\"c\"]}\n");
  const std::string pool = "--model unfinite --pool " + (demo() / "pool").string() + ' ';
  for (const std::string output : {"t.jsonl", "t.html"}) {
    run_badly("trace " + pool + "--input one.jsonl --output " + output, 1, "not finite");
    BOOST_TEST(!fs::exists(scratch() / output));
  }
  run_badly("score --model unfinite --input one.jsonl", 1, "not finite");
  run_badly("generate --model unfinite --input one.jsonl", 1, "not finite");
  anser::write_safetensors(
      (scratch() / "ids.safetensors").string(),
      {{"input_ids", *Safetensors(golden("v1_1/golden.safetensors")).find("one.input_ids")},
       {"decoder_input_ids", *Safetensors(golden("v1_1/golden.safetensors")).find("one.input_ids")}});
  run_badly("forward --model unfinite --tensors ids.safetensors --output o.safetensors", 1, "not finite");
  BOOST_TEST(!fs::exists(scratch() / "o.safetensors"));
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_found) {
  const auto spoil = [](const fs::path& path, const std::string& tensor) {  // its first number becomes NaN
    const auto at = Safetensors(path.string()).entry(tensor)->offset;
    write(path, read(path).replace(at, 4, std::string("\x00\x00\xc0\x7f", 4)));
  };
  write(scratch() / "nan.jsonl", "{\"input\": \"a\", \"target\": \"b\", \"choices\": [\"c\"]}\n");
  fs::copy(demo() / "model", scratch() / "nan-model", fs::copy_options::recursive);
  spoil(scratch() / "nan-model/model.safetensors", "encoder.final_layer_norm.weight");
  const std::string
      pool_of_demo = (demo() / "pool").string(),
      of_model = "nan-model/model.safetensors: encoder.final_layer_norm.weight holds NaN or infinity, first at index 0";
  for (const std::string& command : {std::string("score"), std::string("generate"), "trace --pool " + pool_of_demo})
    run_badly(command + " --model nan-model --input nan.jsonl", 1, of_model);

  fs::copy(demo() / "pool", scratch() / "nan-pool", fs::copy_options::recursive);
  const std::string tensor = "base_model.model.encoder.block.0.layer.0.SelfAttention.v.lora_B.weight";
  spoil(scratch() / "nan-pool/french/adapter_model.safetensors", tensor);
  const std::string pool = demo_model() + "--pool nan-pool --input nan.jsonl ";
  const std::string of_expert = "not finite: nan-pool/french/adapter_model.safetensors: " + tensor;
  run_badly("score --router uniform " + pool, 1, of_expert);
  run_badly("generate --router uniform " + pool, 1, of_expert);
  run_badly("score --router single --expert french " + pool, 1, of_expert);
  for (const std::string heard : {"--router single --expert dates", "--router none", "--router uniform --deny french"})
    run_well("score " + heard + ' ' + pool);

  fs::copy(demo() / "pool", scratch() / "wild", fs::copy_options::recursive);
  auto config = read(scratch() / "wild/french/adapter_config.json");
  const auto at = config.find("\"lora_alpha\": ") + 14;
  config.replace(at, config.find_first_of(",\n", at) - at, "1e300");
  write(scratch() / "wild/french/adapter_config.json", config);
  run_badly("score " + demo_model() + "--pool wild --router uniform --input nan.jsonl", 1, "a product overflowed");
}

BOOST_AUTO_TEST_CASE(no_output_takes_the_place_of_an_input) {
  const auto kept = [](const std::string& arguments, const std::string& file, const std::string& option) {
    const auto before = read(scratch() / file);
    run_badly(arguments, 1, "--output would take the place of what " + option + " reads");
    BOOST_TEST(read(scratch() / file) == before, arguments);
  };
  write(scratch() / "same.jsonl", "{\"input\": \"a\", \"target\": \"b\", \"choices\": [\"c\"]}\n");
  fs::create_symlink("same.jsonl", scratch() / "link.jsonl");
  const std::string pool = (demo() / "pool").string();
  for (const std::string& command : {std::string("generate "), std::string("score "), "trace --pool " + pool + ' '})
    for (const std::string output : {"same.jsonl", "./same.jsonl", "link.jsonl"})
      kept(command + demo_model() + "--input same.jsonl --output " + output, "same.jsonl", "--input");
  kept("pool weights " + pool + ' ' + demo_model() + "--data same.jsonl --output same.jsonl", "same.jsonl", "--data");
  write(scratch() / "mix.json", "{\"dates\": 1}");
  kept("eval " + demo_pool() + "--router weights --weights mix.json --tasks tasks --output mix.json", "mix.json",
       "--weights");
  fs::copy(golden("v1_1/golden.safetensors"), scratch() / "same.safetensors");
  kept("forward " + demo_model() + "--tensors same.safetensors --output same.safetensors", "same.safetensors",
       "--tensors");
  fs::copy(demo() / "model", scratch() / "own-model", fs::copy_options::recursive);
  kept("forward --model own-model --tensors same.safetensors --output own-model/model.safetensors",
       "own-model/model.safetensors", "--model");
  fs::copy(demo() / "pool", scratch() / "own-pool", fs::copy_options::recursive);
  kept(
      "forward " + demo_model() + "--pool own-pool --tensors same.safetensors --output own-pool/dates/gate.safetensors",
      "own-pool/dates/gate.safetensors", "--pool");
  const std::string own = "score --model own-model --pool own-pool --input same.jsonl --output ";
  write(scratch() / "own-pool/router.json", "{\"router\": \"smear\"}");
  write(scratch() / "own-pool/dates/expert.json", "{}");
  for (const std::string file : {"router.json", "dates/expert.json", "dates/adapter_config.json"})
    kept(own + "own-pool/" + file, "own-pool/" + file, "--pool");
  fs::create_symlink("own-model/config.json", scratch() / "to-config.jsonl");
  kept(own + "to-config.jsonl", "own-model/config.json", "--model");
  fs::rename(scratch() / "own-model/model.safetensors", scratch() / "blob");  // as Hugging Face's cache has it
  fs::create_symlink("../blob", scratch() / "own-model/model.safetensors");
  kept(own + "blob", "blob", "--model");
  fs::create_directory(scratch() / "own-tasks");
  write(scratch() / "own-tasks/task.jsonl", "{\"input\": \"a\", \"target\": \"b\"}\n");
  fs::create_symlink("own-tasks/task.jsonl", scratch() / "to-task.json");
  kept("eval " + demo_pool() + "--router uniform --tasks own-tasks --output to-task.json", "own-tasks/task.jsonl",
       "--tasks");
}

BOOST_AUTO_TEST_CASE(checks_find_faults) {
  const auto pool = scratch() / "faulty";
  fs::copy(demo() / "pool", pool, fs::copy_options::recursive);
  const auto fault = [&](const std::string& words, const std::string& options = "") {
    const auto r = run("pool check faulty " + options);
    BOOST_TEST(r.status == 1);
    BOOST_TEST(r.out.find(words) != std::string::npos, "'" << words << "' is not in:\n" << r.out << r.err);
    BOOST_TEST(r.err.starts_with("anser: error: faulty: "), r.err);
  };
  auto gates = read(pool / "dates" / "gate.safetensors");
  const auto sound = gates;
  gates.replace(gates.size() - 4, 4, std::string("\x00\x00\xc0\x7f", 4));  // NaN, the file's last number
  write(pool / "dates" / "gate.safetensors", gates);
  fault("dates/gate.safetensors");
  run_well("pool check faulty --headers");
  write(pool / "dates" / "gate.safetensors", sound);
  run_well("pool check faulty");
  std::vector<anser::NamedTensor> zeros;  // a warning: nothing is broken
  const std::vector<float> nothing(4096);
  const auto trained = Safetensors::open((pool / "dates" / "gate.safetensors").string());
  for (const auto& name : trained->names())
    zeros.emplace_back(
        name, zeros.size() < 3 ? anser::stored_view(nothing.data(), trained->find(name)->shape) : *trained->find(name));
  const std::string words = anser::concat("dates/gate.safetensors: 3 of ", zeros.size(),
                                          " gates are all zeros, such as ", trained->names()[0]);
  anser::write_safetensors((scratch() / "zeros.safetensors").string(), zeros);
  write(pool / "dates" / "gate.safetensors", read(scratch() / "zeros.safetensors"));
  const auto warned = run("pool check faulty");
  BOOST_TEST(warned.status == 0);
  BOOST_TEST(warned.err.find(words) != std::string::npos, warned.err);
  BOOST_TEST(run("pool check faulty --headers").err.find("zeros") == std::string::npos);
  write(pool / "dates" / "gate.safetensors", sound);
  fs::remove(pool / "french" / "gate.safetensors");
  fault("these have none: french");
  write(pool / "weather" / "adapter_model.safetensors", "short");
  fault("weather/adapter_model.safetensors");
  run_badly("pool list faulty", 1, "--skip-broken");
  BOOST_TEST(run("pool list faulty --skip-broken").status == 0);
}

BOOST_AUTO_TEST_CASE(checkpoints_of_others_are_imported) {
  const auto import = [](const std::string& rest) { return run_well("pool import " + rest); };
  const std::string model = " --model " + golden("v1_1");

  BOOST_TEST(import(golden("torch/phatgoose.pt") + " --output goose --rows gate" + model)
                 .find("goose: 2 LORA experts from phatgoose, 8 sites") == 0u);
  BOOST_TEST(run_well("pool check goose" + model).find("2 LORA experts, 2 with gates: no problems") !=
             std::string::npos);
  write(scratch() / "names.txt", "quail\r\nagnews\n");
  import(golden("torch/phatgoose.pt") + " --output named --kind phatgoose --rows activations --names names.txt");
  for (const std::string name : {"quail", "agnews"})
    BOOST_TEST(fs::exists(scratch() / "named" / name / "activations.safetensors"));
  const std::string goose = golden("v1_1") + " --pool goose --router ", out = " --output goose.safetensors";
  anser::write_safetensors(
      (scratch() / "two.safetensors").string(),
      {{"input_ids", *Safetensors(golden("v1_1/golden.safetensors")).find("single.input_ids")},
       {"decoder_input_ids", *Safetensors(golden("v1_1/golden.safetensors")).find("single.decoder_input_ids")}});
  std::vector<std::vector<double>> logits;  // what was imported is routed, and heard
  for (const std::string router : {"none", "phatgoose --top-k 1"}) {
    run_well("forward --model " + goose + router + " --tensors two.safetensors" + out);
    logits.push_back(numbers(Safetensors((scratch() / "goose.safetensors").string()), "logits"));
  }
  BOOST_TEST(error(logits[1], logits[0]) > 0.01);

  BOOST_TEST(import(golden("torch/tfew_ia3.pt") + " --output ia3/tfew --base-model t5").find("1 IA3 expert") !=
             std::string::npos);
  BOOST_TEST(anser::read_json((scratch() / "ia3/tfew/adapter_config.json").string()).text("base_model_name_or_path") ==
             "t5");
  BOOST_TEST(run_well("pool list ia3").find("IA3") != std::string::npos);
  BOOST_TEST(import(golden("torch/peft_lora") + " --output old/peft" + model).find("1 LORA expert") !=
             std::string::npos);
  run_well("pool check old" + model);

  run_badly("pool import " + golden("torch/phatgoose.pt") + " --output x", 1, "--rows gate");
  run_badly("pool import " + golden("torch/phatgoose.pt") + " --output goose --rows gate", 1, "goose is there already");
  run_badly("pool import " + golden("torch/phatgoose.pt") + " --output x --rows other", 2, "other");
  run_badly("pool import " + golden("torch/phatgoose.pt") + " --output x --rows gate --names ia3", 1, "ia3");
  run_badly("pool import " + golden("torch/tfew_ia3.pt") + " --output x --kind phatgoose", 1, "multi_lora_b");
  run_badly("pool import " + golden("torch/tfew_ia3.pt") + " --output x --model " + (demo() / "model").string(), 1,
            "another model");
  run_badly("pool import " + golden("torch/calls_os_system.pt") + " --output x", 1, "calls os.system");
  run_badly("pool import " + golden("torch/old.pt") + " --output x", 1, "old format");
  run_badly("pool import " + golden("torch/tfew_ia3.pt"), 2, "--output");
  BOOST_TEST(!fs::exists(scratch() / "x"));
}
