/* What others look for at fixed places. */
#include "http/challenge.h"
#include "message/address.h"
#include "web/web.h"
#include "zone/zone.h"

enum { CHALLENGE_MAX = 512 };

enum net_run web_challenge(struct http_exchange *exchange)
{
	struct buf answer = BUF(CHALLENGE_MAX);
	if (http_challenge_find(slice_skip(exchange->path, sizeof "/.well-known/acme-challenge/" - 1), &answer))
		http_answer(exchange, 200, "application/octet-stream", buf_slice(&answer));
	else
		http_refuse(exchange, 404, "nothing is to be proved by that");
	buf_free(&answer);
	return RUN_DONE;
}

/* Whether a domain is ours the auth role knows. */
enum net_run web_sts_policy(struct http_exchange *exchange)
{
	struct slice domain = slice_skip(exchange->host, sizeof "mta-sts." - 1);
	bool named = slice_starts_nocase(exchange->host, SLICE("mta-sts.")) && domain_is_valid(domain, false);
	struct slice postmaster = arena_printf(exchange->arena, "postmaster@%.*s", SLICE_ARG(domain));
	enum auth_recipient_kind kind = named ? auth_recipient(exchange->service->auth, exchange->wait, postmaster, NULL) : RECIPIENT_FOREIGN;
	if (kind == RECIPIENT_AWAITED)
		return RUN_WAIT;
	if (kind == RECIPIENT_TEMPORARY)
		http_refuse(exchange, 503, "that can't be told now");
	else if (kind == RECIPIENT_FOREIGN)
		http_refuse(exchange, 404, "that is no domain of this server");
	else {
		const struct config *config = exchange->config;
		struct zone_plan plan = {.domain = domain, .hostname = domain_to_ascii(slice_of(config->hostname), exchange->arena),
					 .sts = {config->mta_sts_mode, config->mta_sts_max_age, config->mta_sts_hosts.at, config->mta_sts_hosts.count}};
		http_answer(exchange, 200, "text/plain", zone_policy(&plan, exchange->arena));
	}
	return RUN_DONE;
}
