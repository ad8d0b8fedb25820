#ifndef DENWA_CCURL_SHIM_H
#define DENWA_CCURL_SHIM_H

#include <curl/curl.h>

// Only what Swift cannot say: `curl_easy_setopt` and `curl_easy_getinfo` are variadic.

static inline CURLcode denwa_curl_set_text(CURL *handle, CURLoption option, const char *text) {
    return curl_easy_setopt(handle, option, text);
}

static inline CURLcode denwa_curl_set_number(CURL *handle, CURLoption option, long number) {
    return curl_easy_setopt(handle, option, number);
}

static inline CURLcode denwa_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *list) {
    return curl_easy_setopt(handle, option, list);
}

// What is still to be sent of a message that lies in memory.
struct denwa_curl_upload {
    const char *bytes;
    size_t left;
};

static inline size_t denwa_curl_read(char *buffer, size_t size, size_t count, void *context) {
    struct denwa_curl_upload *upload = (struct denwa_curl_upload *)context;
    size_t length = size * count < upload->left ? size * count : upload->left;
    for (size_t index = 0; index < length; index++) buffer[index] = upload->bytes[index];
    upload->bytes += length;
    upload->left -= length;
    return length;
}

static inline CURLcode denwa_curl_set_upload(CURL *handle, struct denwa_curl_upload *upload) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_READFUNCTION, denwa_curl_read);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_READDATA, (void *)upload);
    return code;
}

static inline long denwa_curl_response_code(CURL *handle) {
    long code = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

#endif
