/* Asking the policy role about a message, and answering. Who asks has talked to strangers, who answers has parsed what they sent: neither
 * trusts the other, and what crosses is checked at both ends. */
#ifndef POLICY_JUDGE_H
#define POLICY_JUDGE_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	POLICY_VERB = 1,
	POLICY_SECONDS = 20,      /* in which the DNS has answered, or what it would have said counts as a temporary error */
	POLICY_WAIT_SECONDS = 40, /* after which who asks expects no answer any more */
	POLICY_FIELD_MAX = 32 * 1024, /* of the field that goes into the message */
	POLICY_REPLY_MAX = 300,   /* of the words that a sender is told */
	POLICY_WORD_MAX = 64,
};

enum policy_action { POLICY_ACCEPT, POLICY_QUARANTINE, POLICY_REJECT };
/** "accept", "quarantine", "reject". */
const char *policy_action_name(enum policy_action action);

struct policy_question {
	struct slice client;   /* 4 or 16 bytes */
	struct slice helo, sender, receiver;
	struct slice text;     /* of the message, unless it is in a file, which goes along as a descriptor */
	bool in_file;
	uint64_t skip;         /* bytes of the file before the message */
};
bool policy_question_encode(const struct policy_question *question, struct buf *out);
/** Points into `text`. False: it isn't one. */
bool policy_question_decode(struct slice text, struct policy_question *question);

struct policy_answer {
	bool known;            /* false: it wasn't judged */
	enum policy_action action;
	struct slice reply;    /* REJECT: what the sender is told; printable ASCII */
	struct slice field;    /* an Authentication-Results field, with its line end */
	struct slice spf, dkim, dmarc, iprev; /* results, for the log */
};
bool policy_answer_encode(const struct policy_answer *answer, struct buf *out);
/** Points into `text`. False: it isn't one, or holds what mustn't get into a message or a reply. */
bool policy_answer_decode(struct slice text, struct policy_answer *answer);

/** Answers until stop_fd is readable, or nobody asks any more. Takes the channel over. */
void policy_serve(int channel, int stop_fd);

#endif
