/* Submissions (RFC 8621 §7): what was sent, what became of it, and having it back. */
#ifndef JMAP_SUBMISSION_H
#define JMAP_SUBMISSION_H

#include "jmap/object.h"

extern const struct jmap_type jmap_submission_type;
enum net_run jmap_submission_get(struct jmap_call *call);
enum net_run jmap_submission_changes(struct jmap_call *call);
enum net_run jmap_submission_query(struct jmap_call *call);
enum net_run jmap_submission_query_changes(struct jmap_call *call);
enum net_run jmap_submission_set(struct jmap_call *call);

/** One submission that is being created; in the call's arena. */
struct jmap_creating;
struct jmap_creating *jmap_creating_begin(struct jmap_call *call, json_t *object);
/** RUN_WAIT: to be called again. RUN_DONE: *refused is a SetError, or *made what was made; it is over. */
enum net_run jmap_creating_go_on(struct jmap_creating *creating, json_t **made, json_t **refused);
/** Gives it up. */
void jmap_creating_drop(struct jmap_creating *creating);
/** Finds out what became of submissions that a crash has left half made; before anybody looks at any. */
void jmap_submissions_settle(struct jmap_call *call);

/** The call's Email/set that is implied by what has succeeded (onSuccess…), with these arguments, taken; the call is run as long as it says so. */
enum net_run jmap_implied_email_set(struct jmap_call *call, json_t *update, json_t *destroy);
/** If such a one is under way: goes on with it. *under_way false: none is. */
enum net_run jmap_implied_go_on(struct jmap_call *call, bool *under_way);

#endif
