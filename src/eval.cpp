#include <anser/eval/intervals.hpp>
#include <anser/eval/metrics.hpp>
#include <anser/eval/results.hpp>
#include <anser/eval/tasks.hpp>
// The bodies, once.
#include <anser/eval/intervals-inl.hpp>
#include <anser/eval/metrics-inl.hpp>
#include <anser/eval/results-inl.hpp>
#include <anser/eval/tasks-inl.hpp>
