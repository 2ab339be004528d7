#include "ceiling.h"

#include <stdio.h>
#include <string.h>

const char MESSAGE_TEXT[] =
    "Bom dia! Comprei uma tainha na semana passada e ainda nao chegou. "
    "O pedido e o 4471; podem ver para mim onde ele esta? Obrigado.";

uint32_t crc32_of(const char *text, size_t length) {
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; bit++) value = value & 1 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
            table[i] = value;
        }
    }
    uint32_t value = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) value = table[(value ^ (uint8_t)text[i]) & 0xFF] ^ (value >> 8);
    return ~value;
}

struct conversation *make_conversations(long count, long partitions) {
    struct conversation *conversations = allocate((size_t)count, sizeof *conversations);
    for (long i = 0; i < count; i++) {
        struct conversation *it = &conversations[i];
        long contact = 5534990000000 + i;
        snprintf(it->id, sizeof it->id, CHANNEL ":%ld", contact);
        snprintf(it->reply_to, sizeof it->reply_to, "%ld@s.whatsapp.net", contact);
        snprintf(it->contact_name, sizeof it->contact_name, "Contato %06ld", i % 1000000);
        it->partition = crc32_of(it->id, strlen(it->id)) % (uint32_t)partitions;
    }
    return conversations;
}
