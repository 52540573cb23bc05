//! What moves the demo's traffic.

use anyhow::{Result, bail};

/// A provider that the distribution has manifests for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Plain Services.
    Service,
    /// Routes of the Gateway API, at the Gateway of Envoy Gateway.
    GatewayApi,
    /// Istio's VirtualServices.
    Istio,
}

impl Provider {
    /// The one that `PROVIDER` in the environment names; plain Services where it names none.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn chosen() -> Result<Self> {
        Self::named(&std::env::var("PROVIDER").unwrap_or_default())
    }

    fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "" | "service" => Self::Service,
            "gateway-api" => Self::GatewayApi,
            "istio" => Self::Istio,
            _ => bail!("PROVIDER={name}: set it to service, gateway-api or istio"),
        })
    }

    /// The folder of its overlays.
    pub fn overlays(self) -> &'static str {
        match self {
            Self::Service => "kubernetes",
            Self::GatewayApi => "gateway-api",
            Self::Istio => "istio",
        }
    }

    /// What the namespace allows its pods: a sidecar redirects its pod's traffic, which takes more than the restricted level.
    pub fn pod_security(self) -> &'static str {
        match self {
            Self::Service | Self::GatewayApi => "restricted",
            Self::Istio => "privileged",
        }
    }

    /// In the words of the demo.
    pub fn words(self) -> &'static str {
        match self {
            Self::Service => "plain Services move the traffic",
            Self::GatewayApi => {
                "users come through a gateway: an HTTPRoute moves the frontend's traffic, plain Services the rest"
            }
            Self::Istio => {
                "callers are in a mesh: VirtualServices move the frontend's and the backend's traffic, plain Services the rest"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_there_is_not_is_refused_with_the_names_of_those_there_are() {
        assert_eq!(Provider::named("").unwrap(), Provider::Service);
        assert_eq!(Provider::named("istio").unwrap(), Provider::Istio);
        let refused = Provider::named("linkerd").unwrap_err().to_string();
        assert_eq!(refused, "PROVIDER=linkerd: set it to service, gateway-api or istio");
    }
}
