/* Judging a message, in steps: first what the DNS must say of its sender is found out, in rounds between which nobody need wait with a thread, then
 * what its text, lists and scanners say, to an answer. */
#ifndef POLICY_JUDGING_H
#define POLICY_JUDGING_H

#include <pthread.h>

#include "engine/engine.h"
#include "lookup/lookup.h"
#include "policy/feedback.h"
#include "policy/gatekeeper.h"
#include "policy/judge.h"
#include "policy/weigh.h"

/** What all messages are judged with. Thread-safe, but for the beginning and the end. */
struct policy_means {
	const char *folder;
	struct policy_feedback *feedback;
	struct policy_lists *lists;
	struct policy_gatekeeper *gatekeeper;
	struct policy_reputation *reputation; /* NULL: its file can't be opened */
	struct engine_pool *engines;
	pthread_mutex_t learning;             /* guards what follows */
	struct classify_store *learned;       /* NULL: nothing was yet */
	pthread_mutex_t reports;              /* guards the file of reports; their reading takes memory, so there is one at a time */
	_Atomic int reports_waiting;
};
void policy_means_begin(struct policy_means *means, const char *folder, struct engine_pool *engines, struct policy_feedback *feedback);
void policy_means_end(struct policy_means *means);

struct policy_judging;
/** Reads what the sender's proofs are over. `question` and what it points to must stay; `file`: the message's, if question->in_file. NULL: it can't be
 * read. */
struct policy_judging *policy_judging_new(struct policy_means *means, const struct policy_question *question, int file);
/** Goes as far as it can. False: `table` has new questions that are wanted; call again when they are answered. */
bool policy_judging_run(struct policy_judging *judging, struct lookup *table);
/** Appends the answer; *body: a memory file that goes with it; -1: none does. Blocks: attachments are looked into until clock_monotonic_ms() is
 * `deadline`, and scanners asked until their own time is over, too. Once, after policy_judging_run() has returned true, and while its table is there. */
void policy_judging_conclude(struct policy_judging *judging, int64_t deadline, struct buf *out, int *body);
/** Sets *judging to NULL; NULL is fine. */
void policy_judging_free(struct policy_judging **judging);

/** What our own people send: scanners are asked that are for such mail, and it is weighed. Appends the answer; else as policy_judging_conclude(). */
void policy_judge_own(struct policy_means *means, const struct policy_question *question, int file, int64_t deadline, struct buf *out, int *body);

#endif
