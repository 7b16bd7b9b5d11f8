/* See verified.h. */
#include "auth/verified.h"

#include <openssl/hmac.h>

#include "auth/recent.h"
#include "base/memory.h"
#include "base/random.h"

enum { KEY_SIZE = 32, MAC_SIZE = 32 };

struct verified {
	char key[KEY_SIZE];
	struct recent *entries;
};

struct entry {
	int64_t version, until_ms;
};

struct verified *auth_verified_new(void)
{
	struct verified *verified = memory_new(sizeof *verified);
	random_bytes(verified->key, sizeof verified->key);
	verified->entries = auth_recent_new(VERIFIED_MAX, sizeof(struct entry), NULL);
	return verified;
}

void auth_verified_free(struct verified **verified)
{
	if (!*verified)
		return;
	auth_recent_free(&(*verified)->entries);
	memory_wipe((*verified)->key, sizeof (*verified)->key);
	free(*verified);
	*verified = NULL;
}

/* Of the account's MAC and the password's MAC: so that no two pairs give the same bytes. */
static struct slice make_mac(const struct verified *verified, struct slice account, struct slice password, unsigned char mac[MAC_SIZE])
{
	unsigned char parts[2 * MAC_SIZE];
	unsigned len = MAC_SIZE;
	HMAC(EVP_sha256(), verified->key, KEY_SIZE, (const unsigned char *)account.at, account.len, parts, &len);
	HMAC(EVP_sha256(), verified->key, KEY_SIZE, (const unsigned char *)password.at, password.len, parts + MAC_SIZE, &len);
	HMAC(EVP_sha256(), verified->key, KEY_SIZE, parts, sizeof parts, mac, &len);
	memory_wipe(parts, sizeof parts);
	return slice_make((const char *)mac, MAC_SIZE);
}

bool auth_verified_has(struct verified *verified, struct slice account, struct slice password, int64_t version, int64_t now_ms)
{
	unsigned char mac[MAC_SIZE];
	struct slice key = make_mac(verified, account, password, mac);
	const struct entry *entry = auth_recent_find(verified->entries, key);
	if (entry && entry->version == version && now_ms < entry->until_ms)
		return true;
	if (entry)
		auth_recent_remove(verified->entries, key);
	return false;
}

void auth_verified_add(struct verified *verified, struct slice account, struct slice password, int64_t version, int64_t now_ms)
{
	unsigned char mac[MAC_SIZE];
	struct entry *entry = auth_recent_add(verified->entries, make_mac(verified, account, password, mac));
	*entry = (struct entry){.version = version, .until_ms = now_ms + VERIFIED_MS};
}
