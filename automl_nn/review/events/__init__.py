"""What there is to see of series whose steps have labels: alarms, mistakes and spikes."""
