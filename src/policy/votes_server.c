/* The policy role's ear for votes, in a thread of its own, since it waits for the disk. */
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "net/call.h"
#include "policy/reputation.h"
#include "policy/votes.h"
#include "score/score.h"

/* Several people agree on what comes from a domain: it gets a name. */
static void count_domain(struct policy_votes *votes, struct policy_reputation *reputation, const struct policy_vote *vote, int64_t now)
{
	if (!reputation || policy_votes_count_domain(votes, vote, (unsigned)config_current()->spam_agree, now) != POLICY_VOTE_LEARNED)
		return;
	policy_reputation_agreed(reputation, policy_reputation_domain(score_registered(vote->domain)), vote->kind == CLASSIFY_SPAM ? POLICY_REPUTE_BAD : POLICY_REPUTE_GOOD, now);
	log_info("policy.reputation", log_slice("domain", vote->domain), log_text("kind", vote->kind == CLASSIFY_SPAM ? "spam" : "ham"));
}

static void take(struct policy_votes *votes, struct policy_reputation *reputation, struct answerer *answerer, const struct call_received *question)
{
	static const char *const outcomes[] = {"counted", "known", "too many", "learned", "failed"};
	struct policy_vote vote;
	enum policy_vote_outcome outcome = POLICY_VOTE_FAILED;
	if (votes && question->verb == POLICY_VOTE_VERB && policy_vote_decode(question->text, &vote)) {
		count_domain(votes, reputation, &vote, clock_now());
		outcome = policy_votes_count(votes, &vote, (unsigned)config_current()->spam_agree, clock_now());
		log_info("policy.vote", log_slice("account", vote.account), log_text("kind", vote.kind == CLASSIFY_SPAM ? "spam" : "ham"), log_text("outcome", outcomes[outcome]));
	}
	answerer_answer(answerer, question->id, slice_of(outcomes[outcome]), NULL, 0);
}

/* False: there is no other side any more. */
static bool take_all(struct policy_votes *votes, struct policy_reputation *reputation, struct answerer *answerer)
{
	struct call_received question;
	enum call_result result;
	while ((result = answerer_receive(answerer, &question)) == CALL_RECEIVED) {
		take(votes, reputation, answerer, &question);
		call_received_free(&question);
	}
	return result != CALL_ENDED;
}

void policy_votes_serve(int channel, int stop_fd, const char *folder)
{
	struct error error;
	struct answerer *answerer = answerer_new(channel);
	struct policy_votes *votes = policy_votes_open(folder, &error);
	if (!votes)
		log_error("policy.no_votes", log_text("reason", error.text));
	struct policy_reputation *reputation = policy_reputation_open(folder, clock_now(), &error);
	if (!reputation)
		log_error("policy.no_reputations", log_text("reason", error.text));
	for (bool more = true; more;) {
		struct pollfd polled[] = {
			{.fd = stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(answerer), .events = POLLIN},
			{.fd = answerer_channel(answerer), .events = answerer_events(answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, -1) > 0)
			more = !polled[0].revents && take_all(votes, reputation, answerer);
	}
	if (votes)
		policy_votes_close(&votes);
	policy_reputation_close(&reputation);
	answerer_free(&answerer);
}
