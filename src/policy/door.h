/* Who stands at the door: lists in the DNS that name the client, its domains, or what the text leads to (options dns_lists), and whether the names that it
 * gives are any. All is asked through the table that SPF and the others ask, so that everything is under way at once. */
#ifndef POLICY_DOOR_H
#define POLICY_DOOR_H

#include "config/config.h"
#include "policy/findings.h"
#include "policy/policy.h"

/** What is known of the lists: which of them answer as they should. Thread-safe. A list that lies isn't believed until a test, once an hour, finds that
 * it has mended; the log says when that changes. */
struct policy_lists;
struct policy_lists *policy_lists_new(void);
void policy_lists_free(struct policy_lists **lists);

struct policy_door;
/** Looks into the first part of `message` for links, if a list is about such. What is given must live as long as the door, which lives in
 * findings->arena, and needs no end. */
struct policy_door *policy_door_new(struct policy_lists *lists, const struct config *config, const struct policy_mail *mail, struct slice message,
				    struct policy_findings *findings);
/** Goes as far as it can. False: `table` has new questions that are wanted; call again when they are answered. */
bool policy_door_run(struct policy_door *door, struct lookup *table);
/** Adds what was found, and demands what the options want done about it. Once, after the door has run to its end. */
void policy_door_judge(struct policy_door *door);
/** The same of a broken chain of signatures (option dkim2); NULL is fine. */
void policy_door_judge_chain(struct policy_door *door, const struct dkim2_verdict *verdict);
/** Nothing that is found at the door refuses: the message is for who must hear everybody. Before policy_door_judge(). */
void policy_door_permit(struct policy_door *door);
/** After it: does nothing refuse, since that was called, or a list says that he is good? */
bool policy_door_permits(const struct policy_door *door);
/** After policy_door_run(): has the client's address a name, and the name that leads back to it (else empty). */
enum policy_iprev policy_door_iprev(const struct policy_door *door);
struct slice policy_door_client_name(const struct policy_door *door);
/** After policy_door_judge(): refuses if all that was found has so many points (hundredths), whatever the text will be. */
void policy_door_refuse_from(struct policy_door *door, int points);

#endif
