/* Votes: a table of the last POLICY_VOTES_KEPT in memory and in a file, which is looked through for each, since there are few a day.
 *
 * A text is known by the SHA-256 of the hashes of its tokens, and what is learned is those tokens and no others: so nobody can have something
 * else learned by voting, as the last of several, on a text that others know. */
#include "policy/votes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/wire.h"

enum { ACCOUNT_MAX = 1024, DOMAIN_MAX = 255, HASH = 8, DIGEST = 16, TEXT_LEAST = 20, DAY_SECONDS = 24 * 3600, MARK = 0x766f7400 };

struct vote {
	unsigned char digest[DIGEST];
	uint64_t account;
	uint32_t day;  /* since 1970; 0: there is no vote */
	uint32_t kind; /* MARK and the kind: anything else is damaged, and no vote */
};
_Static_assert(sizeof(struct vote) == 32, "as it stands in the file");

struct policy_votes {
	int fd;
	char tokens[PATH_MAX];
	struct vote at[POLICY_VOTES_KEPT];
};

/* ---- across the channel ---- */

void policy_vote_hashes(const struct classify_tokens *tokens, struct buf *out)
{
	size_t from = tokens->count - tokens->text_at >= TEXT_LEAST ? tokens->text_at : 0;
	for (size_t i = from; i < tokens->count && i - from < POLICY_VOTE_TOKENS_MAX; i++)
		for (int shift = 0; shift < 64; shift += 8)
			buf_append_char(out, (char)(tokens->at[i].hash >> shift));
}

bool policy_vote_encode(const struct policy_vote *vote, struct buf *out)
{
	wire_put_text(out, vote->account);
	wire_put_number(out, vote->kind);
	wire_put_text(out, vote->hashes);
	wire_put_text(out, vote->domain);
	return !out->overflow;
}

bool policy_vote_decode(struct slice text, struct policy_vote *vote)
{
	struct wire_reader reader = {.rest = text};
	vote->account = wire_text(&reader, ACCOUNT_MAX);
	vote->kind = wire_number(&reader, CLASSIFY_SPAM) == CLASSIFY_SPAM ? CLASSIFY_SPAM : CLASSIFY_HAM;
	vote->hashes = wire_text(&reader, POLICY_VOTE_TOKENS_MAX * HASH);
	vote->domain = wire_text(&reader, DOMAIN_MAX);
	return wire_end(&reader) && vote->account.len > 0 && vote->hashes.len > 0 && vote->hashes.len % HASH == 0;
}

/* ---- the table ---- */

struct policy_votes *policy_votes_open(const char *folder, struct error *error)
{
	char path[PATH_MAX];
	struct policy_votes *votes = memory_new(sizeof *votes);
	bool fits = snprintf(path, sizeof path, "%s/votes", folder) < PATH_MAX && snprintf(votes->tokens, PATH_MAX, "%s/" POLICY_TOKENS, folder) < PATH_MAX;
	votes->fd = fits ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (votes->fd < 0) {
		error_set_errno(error, fits ? errno : ENAMETOOLONG, "%s/votes", folder);
		policy_votes_close(&votes);
	} else if (pread(votes->fd, votes->at, sizeof votes->at, 0) < 0) {
		error_set_errno(error, errno, "%s", path);
		policy_votes_close(&votes);
	}
	return votes;
}

void policy_votes_close(struct policy_votes **votes)
{
	if ((*votes)->fd >= 0)
		close((*votes)->fd);
	free(*votes);
	*votes = NULL;
}

static void digest_of(struct slice text, unsigned char digest[EVP_MAX_MD_SIZE])
{
	EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL);
}

static bool is_vote(const struct vote *vote) { return vote->day > 0 && (vote->kind == MARK + CLASSIFY_HAM || vote->kind == MARK + CLASSIFY_SPAM); }

/* What is there of a text and of an account, and the place for one more. */
struct seen {
	struct vote *own;     /* what the account has said of the text; NULL: nothing */
	struct vote *oldest;
	unsigned today;       /* votes of the account */
	int balance;          /* accounts that call the text spam, less those that call it good */
};

static struct seen look(struct policy_votes *votes, const struct vote *new)
{
	struct seen seen = {.oldest = votes->at};
	for (struct vote *vote = votes->at; vote < votes->at + POLICY_VOTES_KEPT; vote++) {
		if (!is_vote(vote))
			*vote = (struct vote){0};
		if (vote->day < seen.oldest->day)
			seen.oldest = vote;
		bool same = vote->day > 0 && memcmp(vote->digest, new->digest, DIGEST) == 0;
		seen.today += vote->day == new->day && vote->account == new->account;
		if (same && vote->account == new->account)
			seen.own = vote;
		else if (same)
			seen.balance += vote->kind == MARK + CLASSIFY_SPAM ? 1 : -1;
	}
	return seen;
}

static bool keep(struct policy_votes *votes, struct vote *place, const struct vote *new)
{
	*place = *new;
	return pwrite(votes->fd, new, sizeof *new, (place - votes->at) * (off_t)sizeof *new) == (ssize_t)sizeof *new;
}

static bool teach(struct policy_votes *votes, const struct policy_vote *vote, const struct vote *new, int64_t now)
{
	struct error error;
	struct classify_token *at = memory_array(POLICY_VOTE_TOKENS_MAX, sizeof *at);
	struct classify_tokens tokens = {.at = at, .count = vote->hashes.len / HASH};
	struct classify_store *store = classify_store_open(votes->tokens, CLASSIFY_SHARED_SIZE, &error);
	for (size_t i = 0; i < vote->hashes.len; i++)
		at[i / HASH].hash |= (uint64_t)(unsigned char)vote->hashes.at[i] << i % HASH * 8;
	memcpy(&tokens.digest, new->digest, sizeof tokens.digest);
	if (store)
		classify_learn(store, &tokens, vote->kind, now);
	bool done = store != NULL;
	classify_store_close(&store);
	free(at);
	return done;
}

/* Keeps the vote; LEARNED: enough say so. */
static enum policy_vote_outcome cast(struct policy_votes *votes, const struct vote *new, unsigned agree)
{
	struct seen seen = look(votes, new);
	if (seen.own && seen.own->kind == new->kind)
		return POLICY_VOTE_KNOWN;
	if (seen.today >= POLICY_VOTES_PER_DAY)
		return POLICY_VOTE_TOO_MANY;
	if (!keep(votes, seen.own ? seen.own : seen.oldest, new))
		return POLICY_VOTE_FAILED;
	int sign = new->kind == MARK + CLASSIFY_SPAM ? 1 : -1;
	return agree == 0 || sign * (seen.balance + sign) < (int)agree ? POLICY_VOTE_COUNTED : POLICY_VOTE_LEARNED;
}

/* `what` is voted on, by `who`. */
static struct vote vote_of(struct slice what, struct slice who, enum classify_kind kind, int64_t now)
{
	unsigned char text[EVP_MAX_MD_SIZE] = {0}, account[EVP_MAX_MD_SIZE] = {0};
	struct vote vote = {.day = (uint32_t)(now / DAY_SECONDS), .kind = MARK + kind};
	digest_of(what, text);
	digest_of(who, account);
	memcpy(vote.digest, text, DIGEST);
	memcpy(&vote.account, account, sizeof vote.account);
	return vote;
}

enum policy_vote_outcome policy_votes_count(struct policy_votes *votes, const struct policy_vote *vote, unsigned agree, int64_t now)
{
	struct vote new = vote_of(vote->hashes, vote->account, vote->kind, now);
	enum policy_vote_outcome outcome = cast(votes, &new, agree);
	return outcome == POLICY_VOTE_LEARNED && !teach(votes, vote, &new, now) ? POLICY_VOTE_FAILED : outcome;
}

/* What is said of domains is counted apart: by other names of domain and account. */
enum policy_vote_outcome policy_votes_count_domain(struct policy_votes *votes, const struct policy_vote *vote, unsigned agree, int64_t now)
{
	struct buf domain = BUF(DOMAIN_MAX + 16), account = BUF(ACCOUNT_MAX + 16);
	if (vote->domain.len == 0)
		return POLICY_VOTE_KNOWN;
	buf_printf(&domain, "domain %.*s", SLICE_ARG(vote->domain));
	buf_printf(&account, "domain %.*s", SLICE_ARG(vote->account));
	struct vote new = vote_of(buf_slice(&domain), buf_slice(&account), vote->kind, now);
	buf_free(&domain);
	buf_free(&account);
	return cast(votes, &new, agree);
}
