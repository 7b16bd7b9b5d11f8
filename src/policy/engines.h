/* What scanners of others say of a message (engine/engine.h), as findings. They are asked by a thread of their own, while others look at it. */
#ifndef POLICY_ENGINES_H
#define POLICY_ENGINES_H

#include "engine/engine.h"
#include "policy/findings.h"

struct policy_engines;
/** Begins to ask, until clock_monotonic_ms() is `until` at most. NULL: there are no engines
 * for such mail. What is passed must stay until the end. */
struct policy_engines *policy_engines_begin(struct engine_pool *pool, const struct policy_question *question, struct slice message, int64_t until);
/** The message as milters have left it, for which it waits if there are any; lives as long as the engines. NULL: as it was passed. */
struct slice policy_engines_message(struct policy_engines *engines, struct slice message);
/** Waits for all answers, and adds them. NULL is fine. */
void policy_engines_judge(struct policy_engines *engines, const struct config *config, struct policy_findings *findings);
/** After all that is cut out is known: what milters want changed (milters.h). */
void policy_engines_edit(const struct policy_engines *engines, struct policy_findings *findings, int *body);
/** Waits for who is still asked. Sets *engines to NULL; NULL is fine. */
void policy_engines_free(struct policy_engines **engines);
/** What a result means; `out`: the entry of the X-Scanned field. */
void policy_engines_add(const struct config_engine *engine, const struct engine_result *result, const struct config *config, struct policy_findings *findings, struct buf *out);

#endif
