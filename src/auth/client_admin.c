/* What auth.h has of administrators: of the admin role alone, but for the words. */
#include "auth/client.h"

static const char *const ranks[] = {[RANK_NONE] = "no", [RANK_DOMAIN] = "domain", [RANK_SERVER] = "server"};

const char *auth_rank_text(enum auth_rank rank) { return ranks[rank]; }

bool auth_rank_parse(struct slice word, enum auth_rank *rank)
{
	for (enum auth_rank i = RANK_NONE; i <= RANK_SERVER; i++)
		if (slice_equal(word, slice_of(ranks[i]))) {
			*rank = i;
			return true;
		}
	return false;
}

static enum auth_admin read_answer(const struct auth_question *question, struct arena *arena, struct auth_administrator *out, int *delay_ms)
{
	enum { DELAY_MAX_MS = 3600 * 1000 };
	struct wire_reader reader = auth_client_read(question);
	if (!auth_client_is_answered(question))
		return AUTH_ADMIN_TEMPORARY;
	enum auth_admin status = (enum auth_admin)wire_number(&reader, AUTH_ADMIN_TEMPORARY);
	*delay_ms = (int)wire_number(&reader, DELAY_MAX_MS);
	out->who = arena_copy(arena, wire_text(&reader, WIRE_ADDRESS_MAX));
	out->rank = (enum auth_rank)wire_number(&reader, RANK_SERVER);
	out->domain = arena_copy(arena, wire_text(&reader, WIRE_ADDRESS_MAX));
	out->reads = wire_flag(&reader);
	out->proved = (int64_t)wire_number(&reader, INT64_MAX);
	return wire_end(&reader) ? status : AUTH_ADMIN_TEMPORARY;
}

enum auth_admin auth_administrator(struct auth *auth, const struct auth_admin_proof *proof, struct arena *arena, struct auth_administrator *out, int *delay_ms)
{
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	*out = (struct auth_administrator){.key = proof->key};
	*delay_ms = 0;
	wire_put_number(&fields, proof->key);
	wire_put_text(&fields, proof->secret);
	wire_put_text(&fields, proof->address);
	struct auth_question *question = auth_client_ask(auth, NULL, WIRE_ADMINISTRATOR, &fields);
	buf_free(&fields);
	enum auth_admin status = read_answer(question, arena, out, delay_ms);
	auth_client_free(question);
	return status;
}
