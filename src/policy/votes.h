/* What people's training says to the words that everybody's mail is judged by. No account alone moves them: a message is learned there when
 * several accounts have said the same of the same text, and more of them than have said the opposite. What each has said is kept in a file. */
#ifndef POLICY_VOTES_H
#define POLICY_VOTES_H

#include "base/buf.h"
#include "classify/classify.h"

#define POLICY_TOKENS "tokens" /* what was learned for everybody, in the folder policy/ */

enum {
	POLICY_VOTE_VERB = 1,
	POLICY_VOTE_TOKENS_MAX = 1900, /* of a text; so that a vote fits a datagram (net/call.h) */
	POLICY_VOTES_PER_DAY = 100,    /* of one account; further ones don't count */
	POLICY_VOTES_KEPT = 32768,     /* of all accounts; the oldest goes */
};

struct policy_vote {
	struct slice account;
	enum classify_kind kind;
	struct slice domain; /* that the message was shown to be from (DMARC); empty: none */
	struct slice hashes; /* of the text's tokens: 8 bytes each, the least first; at most POLICY_VOTE_TOKENS_MAX */
};
/** Appends the tokens as policy_vote's hashes: those of the text where there are enough to know it again by, else all. */
void policy_vote_hashes(const struct classify_tokens *tokens, struct buf *out);
bool policy_vote_encode(const struct policy_vote *vote, struct buf *out);
/** Points into `text`. False: it isn't one. */
bool policy_vote_decode(struct slice text, struct policy_vote *vote);

struct policy_votes;
/** Reads what accounts have said from FOLDER/votes, which is made; FOLDER/tokens is what is taught. NULL with *error. */
struct policy_votes *policy_votes_open(const char *folder, struct error *error);
/** Sets *votes to NULL. */
void policy_votes_close(struct policy_votes **votes);

enum policy_vote_outcome {
	POLICY_VOTE_COUNTED,  /* it is remembered; too few say so yet */
	POLICY_VOTE_KNOWN,    /* the account has said this before */
	POLICY_VOTE_TOO_MANY, /* it has said too much today */
	POLICY_VOTE_LEARNED,  /* enough say so: it was learned */
	POLICY_VOTE_FAILED,   /* the disk doesn't take it */
};
/** Counts a vote. `agree`: so many accounts more must say a thing than say its opposite; 0: nothing is learned. `now`: seconds since 1970. */
enum policy_vote_outcome policy_votes_count(struct policy_votes *votes, const struct policy_vote *vote, unsigned agree, int64_t now);

/** Counts the same vote on the domain that the message is from, if there is one: POLICY_VOTE_LEARNED says that so many accounts agree on what comes from it;
 * nothing else is done about that. An account has one vote on a domain, and POLICY_VOTES_PER_DAY of these a day. */
enum policy_vote_outcome policy_votes_count_domain(struct policy_votes *votes, const struct policy_vote *vote, unsigned agree, int64_t now);

/** Takes votes over a channel until stop_fd is readable, or there is no other side any more. Takes the channel over. */
void policy_votes_serve(int channel, int stop_fd, const char *folder);

#endif
