/* Asking the policy role who may come in, before a message's text is sent: at RCPT, about a stranger's client, greeting, sender and one of our
 * addresses. Only what can refuse is asked about; all else waits for the text (judge.h). Neither side trusts the other, as there. Without an answer
 * in time the recipient is taken. */
#ifndef POLICY_GATE_H
#define POLICY_GATE_H

#include "config/config.h"
#include "policy/judge.h"

enum {
	POLICY_GATE_VERB = 2,
	POLICY_GATE_SECONDS = 10,      /* in which the DNS has answered, or what it would have said counts as a temporary error */
	POLICY_GATE_WAIT_SECONDS = 20, /* after which who asks expects no answer any more */
	POLICY_GATE_QUESTION_MAX = 8 * 1024,
	POLICY_GATE_ANSWER_MAX = 1024,
};

/** Can anything be refused there, as it is configured? If not, nobody need ask. */
bool policy_gate_is_wanted(const struct config *config);
/** Is it an address to which everybody may write: the postmaster (RFC 5321 §4.5.1), and who is told of abuse (RFC 2142 §4)? */
bool policy_gate_is_open(struct slice recipient);
/** Recipients, one a line: are there any, and all such? */
bool policy_gate_is_open_to_all(struct slice recipients);
/** What of a recipient the answer depends on beside its threshold: for others of which that is the same, nobody need ask again. Points into `recipient`. */
struct slice policy_gate_key(const struct config *config, struct slice recipient);

struct policy_gate_question {
	struct slice client; /* 4 or 16 bytes */
	struct slice helo, sender, receiver; /* as in struct policy_question */
	struct slice recipient;
	int reject;          /* its threshold (config/thresholds.h) */
};
bool policy_gate_question_encode(const struct policy_gate_question *question, struct buf *out);
/** Points into `text`. False: it isn't one. */
bool policy_gate_question_decode(struct slice text, struct policy_gate_question *question);

struct policy_gate_answer {
	enum policy_action action; /* ACCEPT, DEFER, REJECT */
	struct slice reply;        /* DEFER, REJECT: what the client is told; printable ASCII */
};
bool policy_gate_answer_encode(const struct policy_gate_answer *answer, struct buf *out);
/** Points into `text`. False: it isn't one, or holds what mustn't get into a reply. */
bool policy_gate_answer_decode(struct slice text, struct policy_gate_answer *answer);

#endif
