//! A NotificationChannel as it is used: what it takes, where it leads, in whose words.

use chrono::{DateTime, Utc};
use crds::{
    NotificationChannel,
    channel::{Format, NotificationChannelSpec, Slack, SlackBot},
    duration::GoDuration,
    endpoint::Endpoint,
};
use kube::ResourceExt;
use messages::{Filter, Notice, Template, Text};

/// A channel.
pub struct Channel {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub target: Target,
    /// Whether nothing is said for the time being.
    suspended: bool,
    filter: Filter,
    template: Option<Template>,
}

/// Where a channel leads.
pub enum Target {
    /// A message for each notice.
    Plain(messages::Format, Endpoint),
    /// A bot of Slack: a thread for each release.
    SlackBot(Endpoint, String),
    /// Whoever takes what Flagger says.
    Flagger(Endpoint),
}

impl Target {
    /// Where requests go.
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Plain(_, endpoint) | Self::SlackBot(endpoint, _) | Self::Flagger(endpoint) => endpoint,
        }
    }

    /// One word for it, for metrics.
    pub fn word(&self) -> &'static str {
        use messages::Format::{CloudEvents, Discord, Slack, Teams};
        match self {
            Self::Plain(Slack, _) | Self::SlackBot(..) => "slack",
            Self::Plain(Teams, _) => "teams",
            Self::Plain(Discord, _) => "discord",
            Self::Plain(CloudEvents, _) => "cloudevents",
            Self::Flagger(_) => "flagger",
        }
    }
}

impl Channel {
    /// Takes an object for what it is.
    ///
    /// # Errors
    /// In words: what cannot be used, and what to do.
    pub fn parse(object: &NotificationChannel) -> Result<Self, String> {
        let spec = &object.spec;
        let template = spec.template.as_deref().map(Template::parse).transpose();
        Ok(Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            target: target(spec)?,
            suspended: spec.suspend,
            filter: Filter {
                kinds: spec.kinds.clone().map(|kinds| kinds.into_iter().collect()),
                least: spec.severity,
                policies: spec.policies.clone(),
            },
            template: template.map_err(|e| e.to_string())?,
        })
    }

    /// What Deliveries know it by.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// What names it, for people.
    pub fn title(&self) -> String {
        format!("NotificationChannel {}", self.key())
    }

    /// Whether this is for it.
    pub fn takes(&self, notice: &Notice) -> bool {
        !self.suspended && self.filter.takes(notice)
    }

    /// What is said; `plainly` leaves the user's template out.
    pub fn text(&self, notice: &Notice, plainly: bool) -> Text {
        match &self.template {
            Some(template) if !plainly => template.text(notice),
            _ => Text::of(notice),
        }
    }
}

/// When an object was made.
pub fn since(object: &NotificationChannel) -> DateTime<Utc> {
    let made = object.creation_timestamp().map(|t| t.0.as_second());
    made.and_then(|s| DateTime::from_timestamp(s, 0)).unwrap_or_default()
}

fn target(spec: &NotificationChannelSpec) -> Result<Target, String> {
    use messages::Format::{CloudEvents, Discord, Slack as AsSlack, Teams};
    let plain = |format, endpoint: &Endpoint| Target::Plain(format, endpoint.clone());
    Ok(match spec {
        NotificationChannelSpec { slack: Some(Slack { webhook: Some(endpoint), .. }), .. } => plain(AsSlack, endpoint),
        NotificationChannelSpec { slack: Some(Slack { bot: Some(bot), .. }), .. } => {
            Target::SlackBot(bots(bot), bot.channel.clone())
        }
        NotificationChannelSpec { teams: Some(endpoint), .. } => plain(Teams, endpoint),
        NotificationChannelSpec { discord: Some(endpoint), .. } => plain(Discord, endpoint),
        NotificationChannelSpec { webhook: Some(webhook), .. } if webhook.format == Format::Flagger => {
            Target::Flagger(webhook.endpoint.clone())
        }
        NotificationChannelSpec { webhook: Some(webhook), .. } => plain(CloudEvents, &webhook.endpoint),
        _ => return Err("the channel leads nowhere: give it one of slack, teams, discord and webhook".into()),
    })
}

fn bots(bot: &SlackBot) -> Endpoint {
    Endpoint {
        url: Some(bot.url.clone()),
        url_from: None,
        headers: Default::default(),
        headers_from: None,
        bearer_token: Some(bot.token.clone()),
        ca: None,
        client_certificate: None,
        signature: None,
        timeout: GoDuration::seconds(10),
    }
}
