//! InitializeSecurityContext and AcceptSecurityContext, in C.

use crate::generator::calls::{Function, data_representation};
use crate::generator::names::{repeated_text, values};
use crate::table::{Buffer, Leg};

/// How the two functions differ.
struct Side {
    request: &'static str,
    returned: &'static str,
}

const CLIENT: Side = Side { request: "ISC_REQ_", returned: "ISC_RET_" };
const SERVER: Side = Side { request: "ASC_REQ_", returned: "ASC_RET_" };

/// The expressions of a leg's parameters.
struct Parameters {
    credential: String,
    context: String,
    request: String,
    data_representation: String,
    input: &'static str,
    new_context: String,
    output: &'static str,
    attributes: &'static str,
    expiry: &'static str,
}

impl Function<'_> {
    pub(super) fn initialize(&mut self, call: &Leg) {
        let target = match &call.target_units {
            Some(units) => {
                let units: Vec<String> = units.iter().map(|unit| format!("{unit:#x}")).collect();
                self.line(format_args!("const SEC_WCHAR units[] = {{{}}};", units.join(", ")));
                format!("no_text(units, {})", units.len())
            }
            None => repeated_text(call.target.as_ref()),
        };
        let [reserved1, reserved2] = call.reserved.unwrap_or_default();
        let Parameters {
            credential,
            context,
            request,
            data_representation,
            input,
            new_context,
            output,
            attributes,
            expiry,
        } = self.parameters(call, &CLIENT);
        self.returns(
            &call.expect.status,
            format_args!(
                "InitializeSecurityContext({credential}, {context}, {target}, {request}, {reserved1}, \
                 {data_representation}, {input}, {reserved2}, {new_context}, {output}, {attributes}, {expiry})"
            ),
        );
        self.leg_after(call, &CLIENT);
    }

    pub(super) fn accept(&mut self, call: &Leg) {
        assert!(call.target.is_none() && call.target_units.is_none() && call.reserved.is_none(), "of clients alone");
        let Parameters {
            credential,
            context,
            request,
            data_representation,
            input,
            new_context,
            output,
            attributes,
            expiry,
        } = self.parameters(call, &SERVER);
        self.returns(
            &call.expect.status,
            format_args!(
                "AcceptSecurityContext({credential}, {context}, {input}, {request}, {data_representation}, \
                 {new_context}, {output}, {attributes}, {expiry})"
            ),
        );
        self.leg_after(call, &SERVER);
    }

    /// Declares what the call needs.
    fn parameters(&mut self, call: &Leg, side: &Side) -> Parameters {
        let credential = self.credential(call.credential.as_deref());
        let context = self.context(call.context.as_deref());
        let new_context = match &call.new_context {
            Some(name) => {
                let variable = self.context_variable(name);
                // A later leg gives the handle of its context, whatever the variable.
                let known = if succeeds(call) && call.context.is_some() { &context[1..] } else { &variable };
                self.line(format_args!("CtxtHandle before = {known};"));
                format!("&{variable}")
            }
            None => "NULL".to_owned(),
        };
        let mut list = |name: &'static str, place: &'static str, buffers: Option<&[Buffer]>| {
            let Some(buffers) = buffers else { return "NULL" };
            self.line(format_args!("Buffers *{name} = buffers();"));
            self.add(name, buffers);
            place
        };
        let input = list("in", "&in->description", call.input.as_deref());
        let output = list("out", "&out->description", call.output.as_deref());
        let attributes = if call.without_results {
            "NULL"
        } else {
            self.line(format_args!("ULONG attributes = 0xa5a5a5a5;"));
            "&attributes"
        };
        Parameters {
            credential,
            context,
            request: values(side.request, &call.request),
            data_representation: data_representation(call.data_representation.as_deref()),
            input,
            new_context,
            output,
            attributes,
            expiry: self.expiry(call.without_results),
        }
    }

    fn leg_after(&mut self, call: &Leg, side: &Side) {
        if let Some(name) = &call.new_context {
            let variable = self.context_variable(name);
            if succeeds(call) && call.context.is_some() {
                self.line(format_args!("handle_is(&{variable}, before);"));
                self.hold(variable);
            } else {
                self.handle_after(&variable, succeeds(call));
            }
        }
        if call.input.is_some() {
            self.line(format_args!("all_unchanged(in);"));
        }
        if !succeeds(call) {
            if call.output.is_some() {
                self.line(format_args!("all_unchanged(out);"));
            }
            return;
        }
        if let Some(attributes) = &call.expect.attributes {
            let expected = values(side.returned, attributes);
            self.line(format_args!("NUMBER(attributes, {expected});"));
        }
        self.expires(call.expect.expiry.as_deref());
        let allocated = call.request.iter().any(|name| name == "ALLOCATE_MEMORY");
        let buffers = call.output.as_deref().unwrap_or_default();
        let token = buffers.iter().position(|buffer| buffer.kind.split('|').next() == Some("TOKEN"));
        for (index, buffer) in buffers.iter().enumerate() {
            let Some(after) = buffer.after.as_ref().filter(|_| token == Some(index)) else {
                self.line(format_args!("unchanged(out, {index});"));
                continue;
            };
            let found = if allocated { "ALLOCATED_TOKEN" } else { "token" };
            self.open(format_args!("Bytes found = {found}(out, {index});"));
            self.holds(after);
            self.close();
        }
    }
}

fn succeeds(call: &Leg) -> bool {
    call.expect.status == "SEC_E_OK" || call.expect.status.starts_with("SEC_I_")
}
