/* What scanners of others say of a message (engine/engine.h), as findings. They are asked by a thread of their own, while others look at it. */
#ifndef POLICY_ENGINES_H
#define POLICY_ENGINES_H

#include "engine/engine.h"
#include "policy/findings.h"

struct policy_engines;
/** Begins to ask, until clock_monotonic_ms() is `until` at most. NULL: there are no engines. What is passed must stay until the end. */
struct policy_engines *policy_engines_begin(struct engine_pool *pool, const struct policy_question *question, struct slice message, int64_t until);
/** Waits for all answers, and adds them. Sets *engines to NULL; NULL is fine. */
void policy_engines_end(struct policy_engines **engines, const struct config *config, struct policy_findings *findings);
/** What a result means; `out`: the entry of the X-Scanned field. */
void policy_engines_add(const struct config_engine *engine, const struct engine_result *result, const struct config *config, struct policy_findings *findings, struct buf *out);

#endif
