/*
 * libntlmsspi.so as FreeRDP's server wants it. Before it lets anyone in, that server calls ImpersonateSecurityContext and, with nothing in between,
 * RevertSecurityContext, and demands SEC_E_OK of both. The library never says that, since no thread becomes the client by it. This module does, and hands
 * all other calls to the library. For FreeRDP only: a program that does something between the two calls would do it as itself.
 *
 *     cc -shared -fPIC -I crates/capi/include -DLIBRARY='"path/libntlmsspi.so"' freerdp_server_module.c -o module.so
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sspi.h>

static SecurityFunctionTableA table;
static SECURITY_STATUS (*query)(PCtxtHandle, ULONG, void *);

/* SEC_E_OK for a context through which somebody has logged on. */
static SECURITY_STATUS SEC_ENTRY pretend(PCtxtHandle context)
{
    SecPkgContext_Flags flags; /* which contexts have when they are complete */
    return query(context, SECPKG_ATTR_FLAGS, &flags);
}

__attribute__((visibility("default"))) PSecurityFunctionTableA SEC_ENTRY InitSecurityInterfaceA(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    PSecurityFunctionTableA (*init)(void) = NULL;
    if (library != NULL)
        *(void **)&init = dlsym(library, "InitSecurityInterfaceA");
    if (init == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    table = *init();
    query = table.QueryContextAttributesA;
    table.ImpersonateSecurityContext = pretend;
    table.RevertSecurityContext = pretend;
    return &table;
}
