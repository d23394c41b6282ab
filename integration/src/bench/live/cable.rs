use super::Offer;
use integration::namespace::Namespace;
use integration::process::run;
use std::net::Ipv4Addr;
use std::process::Command;

/// Two network namespaces with a cable between them that carries nothing but what is sent on purpose.
pub(super) struct Cable {
    from: Namespace,
    to: Namespace,
}

impl Cable {
    /// Name of both its ends.
    pub(super) const INTERFACE: &'static str = "eth0";

    /// Lays it.
    ///
    /// # Errors
    /// Without root, or without iproute2.
    pub(super) fn lay() -> Result<Self, String> {
        let (from, to) = (Namespace::new()?, Namespace::new()?);
        for side in [&from, &to] {
            // Otherwise the kernel looks for neighbours as soon as the interface is up.
            let off = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
            run(side.command("sh").args(["-c", off]))?;
        }
        from.join(
            &to,
            Ipv4Addr::new(192, 168, 9, 1),
            Ipv4Addr::new(192, 168, 9, 2),
        )?;
        Ok(Self { from, to })
    }

    /// A command at the receiving end.
    pub(super) fn command(&self, program: &str) -> Command {
        self.to.command(program)
    }

    /// Name of the receiving end's namespace.
    pub(super) fn receiver(&self) -> &str {
        self.to.name()
    }

    /// Packets that the kernel has received at the receiving end.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) fn received(&self) -> Result<u64, String> {
        let path = format!("/sys/class/net/{}/statistics/rx_packets", Self::INTERFACE);
        let text = run(self.command("cat").arg(path))?;
        text.trim()
            .parse()
            .map_err(|e| format!("rx_packets `{text}`: {e}"))
    }

    /// Sends all of an offer; returns the packets sent and the seconds it took.
    ///
    /// # Errors
    /// The sender fails.
    pub(super) fn send(&self, offer: &Offer) -> Result<(u64, f64), String> {
        let own = std::env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
        let said = run(self
            .from
            .command(&own.to_string_lossy())
            .args(["send", "--interface", &offer.interface])
            .args(["--flows", &offer.flows.to_string()])
            .args(["--rate", &offer.rate.to_string()])
            .args(["--packets", &offer.packets.to_string()]))?;
        let counts = said
            .trim()
            .strip_prefix("sent ")
            .and_then(|rest| rest.split_once(" in "));
        match counts.map(|(sent, time)| (sent.parse(), time.parse())) {
            Some((Ok(sent), Ok(time))) => Ok((sent, time)),
            _ => Err(format!("sender: {said}")),
        }
    }
}
