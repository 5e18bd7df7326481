#pragma once
#include "model.hpp"

/// What a compiled library holds of BERT for one backend, as ANSER_T5_INSTANCES says it of T5.
#define ANSER_BERT_INSTANCES(prefix, B) prefix template class BertModel<B>;
