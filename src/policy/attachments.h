/* What is to be done about what is attached to a message: findings as points, and what the options attachment_* demand. */
#ifndef POLICY_ATTACHMENTS_H
#define POLICY_ATTACHMENTS_H

#include "attach/attach.h"
#include "config/config.h"
#include "policy/findings.h"

/** What a reader is told in the place of a file that was taken out: a part of its own, text in English, Portuguese and Russian. `reason`: a
 * finding; ATTACH_FINDINGS: the kind of file. `name` may be empty. Lives in `arena`. */
struct slice policy_attachment_note(struct slice name, enum attach_finding reason, struct arena *arena);

enum { POLICY_ATTACHMENT_NAME_MAX = 120 }; /* bytes of a file's path in what is told */

/** Adds a finding for each kind of thing that was found in `message`, and demands what `config` wants done about it. Pure. */
void policy_attachments_judge(struct slice message, const struct attach_report *report, const struct config *config, struct policy_findings *findings);

/** The same as the recipients want it (addresses, one a line; option attachment_for): of what they want, the strictest counts. */
void policy_attachments_judge_for(struct slice recipients, struct slice message, const struct attach_report *report, const struct config *config,
				  struct policy_findings *findings);

/** Looks at the whole message (attach_examine) until `deadline` at most, and judges what is found. Any thread; waits while others look at large
 * ones. */
void policy_attachments_check(struct slice recipients, struct slice message, const struct config *config, int64_t deadline, struct policy_findings *findings);

#endif
