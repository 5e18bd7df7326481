#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace anser::cli {

/// A part of an experiment: one run of this program, in the experiment's folder.
struct Step {
  std::string name;                       // "seed-0/base", of letters that a path may have
  std::vector<std::string> words;         // its command line; paths are relative to the folder
  std::vector<std::size_t> after;         // places of earlier steps, whose files it reads
  std::vector<std::string> writes;        // files, and folders whose name begins with "training": these may differ from
                                          // run to run, as times do, and nobody reads them
  double seconds = 1;                     // about how long it takes
  std::vector<std::string> folders = {};  // read as a whole by others: emptied before the step begins anew
  std::vector<std::string> reads = {};    // files and folders that no step makes: their files' sizes and times count
  bool resumes = false;                   // it takes --resume
  std::function<void()> accept = {};      // looks at what it wrote; throws Error where going on is pointless
};

/// Runs the steps of an experiment, up to `jobs` at once, each with a log at DIRECTORY/steps/NAME.log. Steps that were
/// done are passed over: DIRECTORY/steps/NAME.json keeps a key, which is the hash of the command, of the files that the
/// steps before it wrote, of what `reads` names, and of the program's version, and the hash of what the step wrote. A
/// step that was interrupted goes on where it takes --resume, and else begins anew. `experiment` says what the folder
/// is for: a folder that is for something else is refused, since what lies in it would be read too, or lost. Throws
/// Error where a step fails (the others are ended first) and where a signal came.
void run_steps(const std::string& directory, const std::string& experiment, const std::vector<Step>& steps, int jobs);

}  // namespace anser::cli
