/* libFuzzer: any bytes as the PROXY protocol's header. What is told of a beginning holds for the whole; a header is within what has come. */
#include <assert.h>

#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make((const char *)data, size);
	struct sockaddr_storage client, again;
	size_t length, shorter;
	enum net_proxied said = net_proxy_parse(input, &length, &client);
	if (said == NET_PROXY_CLIENT || said == NET_PROXY_ITSELF) {
		assert(length > 0 && length <= size && length <= NET_PROXY_MAX);
		assert(net_proxy_parse(slice_sub(input, 0, length), &shorter, &again) == said && shorter == length);
		assert(net_proxy_parse(slice_sub(input, 0, length - 1), &shorter, &again) == NET_PROXY_INCOMPLETE);
	}
	return 0;
}
