"""Read the arrays of an HDF5 file of strangers, such as the weights of a Keras model, distrusting every byte.

The HDF5 library is not used. It is written in C, and crafted files go on being found that break its memory
(CVE-2025-2308, 2309, 2310, 6750, 44905): each ends the process, or worse. What Keras writes needs little of the format:
groups, of the older layout unless a name is not ASCII, and arrays in one piece. That little is read here in Python,
where a wrong number can do no more than raise. Attributes are not read.

HDF5 can do much more than hold arrays: links to other files, arrays that are put together from other files, filters
that make gigabytes of a few bytes, objects that hold themselves. All of it is refused.

References
----------
The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from crmsprop.files.hdf5.objects import SIGNATURE
from crmsprop.files.hdf5.opening import open_hdf5

__all__ = ["SIGNATURE", "open_hdf5"]
