/* Rewritten senders, with what the directory knows: which domains are ours, and the secret (srs.h). */
#include "auth/directory_internal.h"

#include "base/clock.h"
#include "config/config.h"
#include "message/address.h"

enum { REWRITTEN_HERE_MAX = 2 };

/* The domain of ours that an address is in. */
static enum auth_found own_domain(struct directory *directory, struct slice address, struct arena *arena, struct slice *own, struct error *error)
{
	struct slice local, domain, catch_all;
	address_split(address, &local, &domain);
	return directory_find_domain(directory, domain_canonical(domain, arena), arena, own, &catch_all, error);
}

/* In a loop of forwards it was rewritten here twice: then the first stands within the second. */
enum auth_found directory_original_sender(struct directory *directory, struct slice address, int64_t late, struct arena *arena, struct slice *original, struct error *error)
{
	struct slice local, domain, own;
	enum auth_found ours = FOUND_YES;
	for (int steps = 0; steps < REWRITTEN_HERE_MAX && ours == FOUND_YES; steps++) {
		address_split(address, &local, &domain);
		if (!auth_srs_read(directory->srs_key, clock_now(), config_current()->srs_validity + late, local, arena, original))
			return FOUND_NO;
		ours = own_domain(directory, *original, arena, &own, error);
		address = *original;
	}
	return ours == FOUND_YES ? FOUND_NO : ours == FOUND_NO ? FOUND_YES : FOUND_FAILED;
}

/* The address belongs to the domain that was written to; any of ours would do. */
static bool rewrite(struct directory *directory, struct slice from, struct slice via, struct arena *arena, struct slice *out, struct error *error)
{
	struct slice own;
	enum auth_found found = own_domain(directory, from, arena, &own, error);
	if (found != FOUND_NO)
		return found == FOUND_YES;
	found = own_domain(directory, via, arena, &own, error);
	if (found == FOUND_NO)
		found = directory_first_domain(directory, arena, &own, NULL, error);
	own = found == FOUND_YES ? domain_to_ascii(own, arena) : (struct slice){0};
	if (own.len > 0 && !auth_srs_make(directory->srs_key, clock_now(), from, own, arena, out))
		*out = from;
	return found != FOUND_FAILED;
}

bool directory_forward_sender(struct directory *directory, struct slice from, struct slice via, struct arena *arena, struct slice *out, struct error *error)
{
	*out = from;
	if (from.len == 0 || !config_current()->srs)
		return true;
	if (!db_begin_read(directory->db, error))
		return false;
	bool done = rewrite(directory, from, via, arena, out, error);
	db_rollback(directory->db);
	return done;
}
