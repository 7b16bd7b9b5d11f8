/* What we write ourselves, and in which domain's name; see own.h. */
#include "courier/own.h"

#include "message/address.h"

/* What others send has a client that ends in an address in brackets (smtp/trace.c). */
bool courier_is_own(const struct queue_message *message)
{
	struct slice own = COURIER_OWN_CLIENT, client = message->client;
	return message->account.len == 0 && message->from.len == 0 && client.len >= own.len && slice_equal(slice_skip(client, client.len - own.len), own);
}

struct slice courier_own_domain(struct auth *auth, const struct slice *addresses, size_t count, struct arena *arena)
{
	struct slice local, domain, ascii;
	for (size_t i = 0; i < count; i++) {
		address_split(addresses[i], &local, &domain);
		ascii = domain_to_ascii(domain, arena);
		if (ascii.len > 0 && auth_recipient(auth, NULL, arena_printf(arena, "postmaster@%.*s", SLICE_ARG(domain)), NULL) == RECIPIENT_LOCAL)
			return ascii;
	}
	return slice_of(config_current()->hostname);
}
