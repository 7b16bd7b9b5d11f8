/* What milters make of a message (engine/milter.h), as findings, and as edits for smtp. */
#ifndef POLICY_MILTERS_H
#define POLICY_MILTERS_H

#include "engine/engine.h"
#include "policy/findings.h"

/** Begins the letter that they are asked about. What is passed must stay. */
void policy_milters_begin(struct engine_letter *letter, struct slice message, const struct engine_mail *mail);
/** Does this result of one decide, so that nobody else need be asked? */
bool policy_milters_decide(const struct engine_result *result);
/** What a milter's result means. */
void policy_milters_tell(const struct config_engine *engine, const struct engine_result *result, struct policy_findings *findings);
/** Tells what they want changed as findings->edits, and moves findings->cuts, which are of the message as they have left it, to where smtp
 * cuts. *body: a new body's memory file, which the caller closes; -1: there is none. */
void policy_milters_edit(const struct engine_letter *letter, struct policy_findings *findings, int *body);

#endif
