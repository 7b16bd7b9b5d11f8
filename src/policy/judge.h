/* Asking the policy role about a message, and answering. Who asks has talked to strangers, who answers has parsed what they sent: neither
 * trusts the other, and what crosses is checked at both ends. */
#ifndef POLICY_JUDGE_H
#define POLICY_JUDGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/thresholds.h"
#include "policy/edits.h"

enum {
	POLICY_VERB = 1,
	POLICY_SECONDS = 20,      /* in which the DNS has answered, or what it would have said counts as a temporary error */
	POLICY_WAIT_SECONDS = 40, /* after which, and the longest time-out of an engine, who asks expects no answer any more */
	POLICY_FIELD_MAX = 32 * 1024, /* of the fields that go into the message */
	POLICY_RECORD_MAX = 8 * 1024, /* of what is written down of the findings */
	POLICY_REPLY_MAX = 300,   /* of the words that a sender is told */
	POLICY_WORD_MAX = 64,
	POLICY_RECIPIENTS_MAX = 16 * 1024,
	POLICY_POINTS_MAX = 1000000000,
	POLICY_CUTS_MAX = 50,
	POLICY_CUT_TEXT_MAX = 4096,
};

/** In the order of their strictness. */
enum policy_action { POLICY_ACCEPT, POLICY_TAG, POLICY_JUNK, POLICY_QUARANTINE, POLICY_DEFER, POLICY_REJECT };
/** "accept", "tag", "junk", "quarantine", "defer", "reject". */
const char *policy_action_name(enum policy_action action);

/** Is it the name of a field that only we may put before a stranger's message? His own ones are removed. */
bool policy_is_own_field(struct slice name);
/** Is it UTF-8 without blanks and control characters? */
bool policy_is_address(struct slice text);
/** Are these whole header fields of such names, and nothing else? */
bool policy_are_fields(struct slice fields);

struct policy_question {
	struct slice client;   /* 4 or 16 bytes */
	struct slice helo, sender, receiver;
	struct slice recipients; /* addresses, one a line; POLICY_RECIPIENTS_MAX bytes at most */
	struct slice text;     /* of the message, unless it is in a file, which goes along as a descriptor */
	bool in_file;
	uint64_t skip;         /* bytes of the file before the message */
	struct slice id;       /* of the message, as our logs have it */
	uint64_t port;         /* of the client */
	bool own;              /* somebody of ours sends it: what it says is weighed, and engines that are for such mail are asked; `client` may be empty */
	struct slice user;     /* … who has signed in; empty: nobody */
	bool for_reports;      /* a recipient is where others report to us (policy/reports.h) */
	struct config_thresholds thresholds; /* of a stranger's: what its recipients agree upon; where they say nothing the options do */
};
bool policy_question_encode(const struct policy_question *question, struct buf *out);
/** Points into `text`. False: it isn't one. */
bool policy_question_decode(struct slice text, struct policy_question *question);

/** Bytes of the message that something else takes the place of: an attachment, and a note that says why. */
struct policy_cut {
	uint64_t at, len;
	struct slice text; /* lines of printable ASCII; the last one may be without an end */
};

struct policy_answer {
	bool known;            /* false: it wasn't judged */
	bool own;              /* it is about what somebody of ours sends: no fields, no cuts */
	enum policy_action action;
	struct slice reply;    /* DEFER, REJECT: what the sender is told; printable ASCII */
	struct slice field;    /* an Authentication-Results field, and further ones, with their line ends */
	struct slice record;   /* what was found: lines "RULE POINTS detail" */
	struct policy_cut cuts[POLICY_CUTS_MAX]; /* of the body, in their order, none in another; none if there is another body */
	size_t cut_count;
	struct policy_edits edits;
	int points;            /* of all that was found, in hundredths; at most POLICY_POINTS_MAX, either way */
	bool weighed;          /* the points are for each recipient's threshold to decide by; … */
	bool suspect;          /* … but it is junk whatever it weighs */
	struct slice author;   /* the address that it is shown to be from (From); empty: nothing shows that */
	struct slice spf, dkim, dmarc, iprev; /* results, for the log */
	struct slice country;  /* of one's own: where its client is, "PT"; empty: not known */
};
bool policy_answer_encode(const struct policy_answer *answer, struct buf *out);
/** Points into `text`. False: it isn't one, or holds what mustn't get into a message or a reply. */
bool policy_answer_decode(struct slice text, struct policy_answer *answer);

struct engine_pool;
struct policy_feedback;
enum { POLICY_CHANNELS_MAX = 2 };
/** Answers over channels until stop_fd is readable, or nobody asks any more over one. Takes them over. What is to be kept goes into `folder`;
 * `engines`: whom else to ask (engine/engine.h); `feedback`: where what authors' domains are to be told is counted (policy/feedback.h). */
void policy_serve(const int *channels, size_t count, int stop_fd, const char *folder, struct engine_pool *engines, struct policy_feedback *feedback);

#endif
