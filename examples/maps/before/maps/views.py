from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.generic import DetailView, UpdateView

from maps.models import Map, Pin


class ShowMap(LoginRequiredMixin, DetailView):
    model = Map


class EditPin(LoginRequiredMixin, UpdateView):
    model = Pin
    fields = ["label", "latitude", "longitude", "tags"]

    def get_object(self, queryset=None):
        pin = super().get_object(queryset)
        if not pin.map.may_change(self.request.user):
            raise PermissionDenied
        return pin

    def get_success_url(self):
        return reverse("map", args=[self.object.map_id])


@require_POST
async def add_pin(request, pk):
    user = await request.auser()
    found = await Map.objects.select_related("owner").aget(pk=pk)
    if not user.is_authenticated or not found.may_change(user):
        raise PermissionDenied
    await Pin.objects.acreate(map=found, label=request.POST["label"])
    return HttpResponseRedirect(reverse("map", args=[pk]))
