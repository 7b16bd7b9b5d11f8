/* Decoding requests and answering those about addresses. */
#include "auth/server_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "message/address.h"
#include "store/usage/usage.h"

enum { COMPLAIN_EVERY_MS = 60 * 1000 };

static void answer_number(struct auth_server *server, struct channel *channel, uint64_t id, uint64_t number)
{
	struct buf answer = auth_server_answer(server, WIRE_ANSWER, id);
	wire_put_number(&answer, number);
	auth_server_send(channel, &answer);
}

static struct recipient_room room_of(const struct auth_server *server, struct slice account)
{
	struct usage usage;
	if (!usage_find(server->usage, account, &usage))
		return (struct recipient_room){UINT64_MAX, UINT64_MAX, 0};
	return (struct recipient_room){usage_room(&usage), usage.max_bytes > 0 ? usage.max_bytes : UINT64_MAX, map_hash(account)};
}

/* Who has room takes the message, whoever else is full. */
static struct recipient_room most_room(const struct auth_server *server, const struct recipient_accounts *accounts)
{
	if (accounts->count == 0)
		return (struct recipient_room){UINT64_MAX, UINT64_MAX, 0};
	struct recipient_room best = room_of(server, accounts->at[0]);
	for (size_t i = 1; i < accounts->count; i++) {
		struct recipient_room room = room_of(server, accounts->at[i]);
		uint64_t most = room.most > best.most ? room.most : best.most;
		if (room.now > best.now)
			best = room;
		best.most = most;
	}
	return best;
}

static void answer_recipient(struct auth_server *server, struct channel *channel, uint64_t id, struct slice address)
{
	struct recipient_accounts accounts;
	enum recipient_kind kind = directory_recipient(server->directory, address, &accounts);
	struct recipient_room room = most_room(server, &accounts);
	struct buf answer = auth_server_answer(server, WIRE_ANSWER, id);
	wire_put_number(&answer, (uint64_t)kind);
	wire_put_number(&answer, room.now);
	wire_put_number(&answer, room.most);
	wire_put_number(&answer, room.account);
	auth_server_send(channel, &answer);
}

/* A list that doesn't fit into one datagram goes in several. Each begins with 1 if there are routes, or 0 and an error. */
static void answer_routes(struct auth_server *server, struct channel *channel, uint64_t id, const struct route *routes, size_t count)
{
	size_t at = 0;
	do {
		struct buf part = auth_server_answer(server, WIRE_PART, id);
		for (; at < count && part.len + 2 * WIRE_ADDRESS_MAX + 40 < WIRE_DATAGRAM_MAX; at++) {
			wire_put_number(&part, routes[at].local);
			wire_put_text(&part, routes[at].address);
			wire_put_text(&part, routes[at].detail);
			wire_put_number(&part, routes[at].problem);
		}
		auth_server_send(channel, &part);
	} while (at < count);
	answer_number(server, channel, id, ERROR_NONE);
}

static void answer_error(struct auth_server *server, struct channel *channel, uint64_t id, const struct error *error)
{
	struct buf answer = auth_server_answer(server, WIRE_ANSWER, id);
	wire_put_number(&answer, error->kind);
	wire_put_text(&answer, slice_of(error->text));
	auth_server_send(channel, &answer);
}

static void resolve(struct auth_server *server, struct channel *channel, uint64_t id, struct slice address)
{
	struct route *routes;
	size_t count;
	struct error error = {0};
	if (directory_resolve(server->directory, address, server->arena, &routes, &count, &error)) {
		answer_routes(server, channel, id, routes, count);
		return;
	}
	if (error.kind != ERROR_NOT_FOUND)
		log_error("directory.failed", log_slice("address", address), log_text("reason", error.text));
	answer_error(server, channel, id, &error);
}

/* Without an answer, when it can't be read now, the asker would wait: it gets a number that is none. */
static void answer_identity(struct auth_server *server, struct channel *channel, uint64_t id, struct slice account)
{
	struct error error = {0};
	int64_t identity;
	const char *why;
	bool known = directory_identity(server->directory, account, &identity, &why, &error);
	if (!known)
		log_error("directory.failed", log_slice("account", account), log_text("reason", error.text));
	answer_number(server, channel, id, known ? (uint64_t)identity : UINT64_MAX);
}

/* Each reads its fields and, if they are whole, acts; false: malformed. */
static bool handle_address(struct auth_server *server, struct channel *channel, const struct wire_header *header, struct wire_reader *reader)
{
	struct slice address = wire_text(reader, WIRE_ADDRESS_MAX);
	if (!wire_end(reader))
		return false;
	if (header->kind == WIRE_RECIPIENT)
		answer_recipient(server, channel, header->id, address);
	else if (header->kind == WIRE_LANGUAGE)
		answer_number(server, channel, header->id, (uint64_t)directory_language(server->directory, address));
	else if (header->kind == WIRE_RESOLVE)
		resolve(server, channel, header->id, address);
	else
		answer_identity(server, channel, header->id, address);
	return true;
}

static bool handle_may_send_as(struct auth_server *server, struct channel *channel, const struct wire_header *header, struct wire_reader *reader)
{
	struct slice account = wire_text(reader, WIRE_ADDRESS_MAX), address = wire_text(reader, WIRE_ADDRESS_MAX);
	if (!wire_end(reader))
		return false;
	answer_number(server, channel, header->id, (uint64_t)directory_may_send_as(server->directory, account, address));
	return true;
}

static bool handle_check_password(struct auth_server *server, struct channel *channel, const struct wire_header *header, struct wire_reader *reader)
{
	struct sign_in_client client;
	wire_client(reader, &client);
	struct slice name = wire_text(reader, WIRE_ADDRESS_MAX), password = wire_text(reader, WIRE_PASSWORD_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_check_password(server, channel, header->id, &client, name, password);
	return true;
}

static bool handle_step(struct auth_server *server, struct channel *channel, const struct wire_header *header, struct wire_reader *reader)
{
	struct sign_in_client client;
	uint64_t exchange_id = wire_number(reader, UINT64_MAX);
	struct slice mechanism = wire_text(reader, WIRE_MECHANISM_MAX);
	wire_client(reader, &client);
	bool has_input = wire_flag(reader);
	struct slice input = wire_text(reader, WIRE_SASL_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_step(server, channel, header->id, exchange_id, mechanism, &client, has_input, input);
	return true;
}

static bool handle_end(struct channel *channel, struct wire_reader *reader)
{
	uint64_t exchange_id = wire_number(reader, UINT64_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_end_exchange(channel, exchange_id);
	return true;
}

static bool handle(struct auth_server *server, struct channel *channel, struct slice datagram)
{
	struct wire_header header;
	struct wire_reader reader;
	if (!wire_open(datagram, &header, &reader))
		return false;
	switch (header.kind) {
	case WIRE_RECIPIENT:
	case WIRE_RESOLVE:
	case WIRE_IDENTITY:
	case WIRE_LANGUAGE:
		return handle_address(server, channel, &header, &reader);
	case WIRE_MAY_SEND_AS:
		return handle_may_send_as(server, channel, &header, &reader);
	case WIRE_CHECK_PASSWORD:
		return handle_check_password(server, channel, &header, &reader);
	case WIRE_SIGN_IN_STEP:
		return handle_step(server, channel, &header, &reader);
	case WIRE_SIGN_IN_END:
		return handle_end(channel, &reader);
	default:
		return false;
	}
}

void auth_server_handle(struct auth_server *server, struct channel *channel, struct slice datagram)
{
	if (handle(server, channel, datagram))
		return;
	int64_t now_ms = clock_monotonic_ms();
	if (channel->complained_ms && now_ms - channel->complained_ms < COMPLAIN_EVERY_MS)
		return;
	channel->complained_ms = now_ms;
	log_error("auth.malformed_request", log_number("channel", channel - server->channels), log_number("bytes", (int64_t)datagram.len));
}
